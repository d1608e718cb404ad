-- Projects, pledges, milestones, balances and the ledger add up to the same money.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
),

balances as (
    select * from {{ ref('escrow_balances') }}
),

pledges as (
    select
        project_id,
        count(*) as pledge_count,
        sum(amount) as amount,
        min(pledged_at) as first_at,
        max(pledged_at) as last_at
    from {{ ref('fct_pledges') }}
    group by project_id
),

deposits as (
    select
        project_id,
        count(*) as pledge_count,
        sum(amount) as amount,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from {{ ref('fct_escrow_transactions') }}
    where transaction_type = 'deposit'
    group by project_id
),

withdrawals as (
    select
        *,
        transaction_type = 'release' as is_release
    from {{ ref('fct_escrow_transactions') }}
    where transaction_type <> 'deposit'
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

-- computed apart from the ledger
backers as (
    select
        project_id,
        count(*) as backer_count,
        sum(pledged_amount) as pledged_amount,
        sum(released_amount) as released_amount,
        sum(refunded_amount) as refunded_amount,
        sum(held_amount) as held_amount,
        min(least(pledged_amount, released_amount, refunded_amount, held_amount)) as smallest_amount
    from {{ ref('backer_balances') }}
    group by project_id
),

planned as (
    select
        project_id,
        sum(funding_amount) as funding_amount,
        sum(case when milestone_status = 'approved' then 1 else 0 end) as approved_count,
        sum(case when milestone_status in ('rejected', 'expired') then 1 else 0 end)
            as stopped_count
    from milestones
    group by project_id
),

together as (
    select
        projects.project_id,
        projects.project_status,
        projects.funding_goal,
        projects.pledged_amount,
        projects.pledge_count,
        projects.backer_count,
        balances.project_id as balance_project_id,
        balances.pledged_amount as balance_pledged_amount,
        balances.released_amount,
        balances.refunded_amount,
        balances.held_amount,
        backers.pledged_amount as sum_pledged_by_backers,
        backers.released_amount as sum_released_by_backers,
        backers.refunded_amount as sum_refunded_by_backers,
        backers.held_amount as sum_held_by_backers,
        backers.smallest_amount as smallest_amount_by_backers,
        planned.funding_amount,
        pledges.first_at,
        pledges.last_at,
        deposits.first_at as first_deposit_at,
        deposits.last_at as last_deposit_at,
        coalesce(planned.approved_count, 0) as approved_count,
        coalesce(planned.stopped_count, 0) as stopped_count,
        coalesce(pledges.amount, 0) as sum_of_pledges,
        coalesce(pledges.pledge_count, 0) as count_of_pledges,
        coalesce(deposits.amount, 0) as sum_of_deposits,
        coalesce(deposits.pledge_count, 0) as count_of_deposits,
        coalesce(backers.backer_count, 0) as count_of_backers
    from projects
    left join balances on projects.project_id = balances.project_id
    left join pledges on projects.project_id = pledges.project_id
    left join deposits on projects.project_id = deposits.project_id
    left join backers on projects.project_id = backers.project_id
    left join planned on projects.project_id = planned.project_id
),

-- what is known of a project or milestone, once for it rather than once for each backer
sources as (
    select
        project_id,
        outcome_known_at,
        project_status = 'live' as is_live,
        project_status = 'successful' as is_successful
    from projects
),

causes as (
    select
        milestone_id,
        project_id,
        milestone_status = 'approved' as is_approved,
        milestone_status in ('rejected', 'expired') as is_stopped,
        resolved_at,
        coalesce(resolved_at, {{ add_hours('due_at', expiry_hours()) }}) as stopped_at
    from milestones
),

moved as (
    select
        withdrawals.transaction_id,
        sources.is_live is not false as is_of_live_project,
        withdrawals.occurred_at > as_of.as_of as is_after_as_of,
        withdrawals.is_release
        and (
            causes.is_approved is not true
            or causes.resolved_at is distinct from withdrawals.occurred_at
            or withdrawals.project_id <> causes.project_id
        ) as is_wrong_release,
        not withdrawals.is_release
        and not sources.is_live
        and not sources.is_successful
        and (
            withdrawals.milestone_id is not null
            or withdrawals.occurred_at is distinct from sources.outcome_known_at
        ) as is_wrong_refund_at_end,
        not withdrawals.is_release
        and sources.is_successful
        and (
            causes.is_stopped is not true
            or withdrawals.project_id <> causes.project_id
            or withdrawals.occurred_at is distinct from causes.stopped_at
        ) as is_wrong_refund_at_stop
    from withdrawals
    left join sources on withdrawals.project_id = sources.project_id
    left join causes on withdrawals.milestone_id = causes.milestone_id
    left join as_of on true
),

-- few or none, so that millions of rows are held against each check once
contradicting as (
    select * from moved
    where
        is_of_live_project
        or is_after_as_of
        or is_wrong_release
        or is_wrong_refund_at_end
        or is_wrong_refund_at_stop
)

select
    'project_without_balance' as check_name,
    cast(project_id as string) as row_key
from together
where balance_project_id is null
union all
select
    'balance_without_project' as check_name,
    cast(balances.project_id as string) as row_key
from balances
left join projects on balances.project_id = projects.project_id
where projects.project_id is null
union all
select
    'pledged_amount_is_that_of_the_balance' as check_name,
    cast(project_id as string) as row_key
from together
where pledged_amount is distinct from balance_pledged_amount
union all
select
    'pledged_amount_is_the_sum_of_pledges' as check_name,
    cast(project_id as string) as row_key
from together
where pledged_amount <> sum_of_pledges
union all
select
    'pledge_count_is_the_number_of_pledges' as check_name,
    cast(project_id as string) as row_key
from together
where pledge_count <> count_of_pledges
union all
select
    'backer_count_is_the_number_of_backer_balances' as check_name,
    cast(project_id as string) as row_key
from together
where backer_count <> count_of_backers
union all
select
    'backer_balances_add_up_to_that_of_the_project' as check_name,
    cast(project_id as string) as row_key
from together
where
    balance_pledged_amount <> coalesce(sum_pledged_by_backers, 0)
    or released_amount <> coalesce(sum_released_by_backers, 0)
    or refunded_amount <> coalesce(sum_refunded_by_backers, 0)
    or held_amount <> coalesce(sum_held_by_backers, 0)
union all
select
    'no_amount_of_a_backer_is_negative' as check_name,
    cast(project_id as string) as row_key
from together
where smallest_amount_by_backers < 0
union all
select
    'deposits_are_the_pledges' as check_name,
    cast(project_id as string) as row_key
from together
where
    sum_of_deposits <> sum_of_pledges
    or count_of_deposits <> count_of_pledges
    or first_deposit_at is distinct from first_at
    or last_deposit_at is distinct from last_at
union all
select
    'live_project_holds_all_pledges' as check_name,
    cast(project_id as string) as row_key
from together
where project_status = 'live' and held_amount <> pledged_amount
union all
select
    'unsuccessful_project_has_refunded_all' as check_name,
    cast(project_id as string) as row_key
from together
where project_status in ('failed', 'cancelled') and refunded_amount <> pledged_amount
union all
select
    'stopped_project_holds_nothing' as check_name,
    cast(project_id as string) as row_key
from together
where stopped_count > 0 and held_amount <> 0
union all
select
    'nothing_is_released_without_an_approval' as check_name,
    cast(project_id as string) as row_key
from together
where approved_count = 0 and released_amount <> 0
union all
select
    'milestone_amounts_add_up_to_the_goal' as check_name,
    cast(project_id as string) as row_key
from together
where funding_amount <> funding_goal
union all
select
    'release_is_of_a_milestone_approved_then' as check_name,
    transaction_id as row_key
from contradicting
where is_wrong_release
union all
select
    'refund_of_an_unsuccessful_project_comes_at_its_end' as check_name,
    transaction_id as row_key
from contradicting
where is_wrong_refund_at_end
union all
select
    'refund_of_a_successful_project_is_of_its_stopped_milestone' as check_name,
    transaction_id as row_key
from contradicting
where is_wrong_refund_at_stop
union all
select
    'money_of_a_live_project_moves' as check_name,
    transaction_id as row_key
from contradicting
where is_of_live_project
union all
select
    'movement_after_as_of' as check_name,
    transaction_id as row_key
from contradicting
where is_after_as_of
union all
select
    'pledge_at_or_after_as_of' as check_name,
    cast(pledges.project_id as string) as row_key
from pledges
cross join as_of
where pledges.last_at >= as_of.as_of
