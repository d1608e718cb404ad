-- What each backer pledged and got back is what the ledger moved, and what is left of it is
-- released or held; released is the share of it that was approved, to the nearest cent. Of a
-- large platform about a thousand projects are looked at, which each launch changes, since they
-- are counted from the newest on; sums of all projects are compared in ledger_agrees_with_core.
with

projects as (
    select
        project_id,
        project_status,
        cast(funding_goal as decimal(19, 2)) as funding_goal,
        cast(ceil(count(*) over () / 1e3) as bigint) as every_so_many,
        row_number() over (order by launched_at desc, project_id desc) as age_rank
    from {{ ref('dim_projects') }}
),

sampled as (
    select * from projects
    where mod(age_rank, every_so_many) = 0
),

ledger as (
    select
        movements.project_id,
        movements.backer_id,
        sum(case when movements.transaction_type = 'deposit' then movements.amount end)
            as pledged_amount,
        sum(case when movements.transaction_type = 'refund' then movements.amount end)
            as refunded_amount
    from {{ ref('fct_escrow_transactions') }} as movements
    inner join sampled on movements.project_id = sampled.project_id
    where movements.backer_id is not null
    group by movements.project_id, movements.backer_id
),

balances as (
    select balances.*
    from {{ ref('backer_balances') }} as balances
    inner join sampled on balances.project_id = sampled.project_id
),

approved as (
    select
        project_id,
        cast(sum(funding_amount) as decimal(19, 2)) as approved_amount
    from {{ ref('fct_milestones') }}
    where milestone_status = 'approved'
    group by project_id
),

-- Twice the excess is at most a cent; multiplied with the goal, so that nothing is divided. 19
-- digits times 19 are computed in 38, and no side of the comparison has more than four decimals.
released as (
    select
        balances.project_id,
        balances.backer_id,
        0.01 * sampled.funding_goal as cent,
        2 * (
            cast(balances.released_amount as decimal(19, 2)) * sampled.funding_goal
            - cast(balances.pledged_amount as decimal(19, 2))
            * coalesce(approved.approved_amount, 0)
        ) as twice_excess
    from balances
    inner join sampled on balances.project_id = sampled.project_id
    left join approved
        on
            sampled.project_id = approved.project_id
            and sampled.project_status = 'successful'
)

select
    'backer_balance_is_what_the_ledger_moved' as check_name,
    cast(coalesce(balances.project_id, ledger.project_id) as string) || '-'
    || cast(coalesce(balances.backer_id, ledger.backer_id) as string) as row_key
from balances
full join ledger
    on balances.project_id = ledger.project_id and balances.backer_id = ledger.backer_id
where
    balances.pledged_amount is distinct from ledger.pledged_amount
    or balances.refunded_amount is distinct from coalesce(ledger.refunded_amount, 0)
    or balances.held_amount
    <> balances.pledged_amount - balances.released_amount - balances.refunded_amount
union all
select
    'released_to_a_backer_is_the_approved_share' as check_name,
    cast(project_id as string) || '-' || cast(backer_id as string) as row_key
from released
where twice_excess <= -cent or twice_excess > cent
