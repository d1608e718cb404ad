-- No movement is filtered by its sign: a negative one would stand here and fail its test.
with

pledges as (
    select * from {{ ref('stg_pledges') }}
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where approved_at is not null
),

releases as (
    select * from {{ ref('int_release_schedule') }}
    where release_cents <> 0
),

backers as (
    select * from {{ ref('int_backers_settled') }}
),

fct_escrow_transactions as (
    select
        'deposit-' || cast(pledge_id as string) as transaction_id,
        'deposit' as transaction_type,
        project_id,
        backer_id,
        cast(null as bigint) as milestone_id,
        amount,
        pledged_at as occurred_at
    from pledges
    union all
    -- one payment to the creator, whose amount is the sum over the backers
    select
        'release-' || cast(milestones.milestone_id as string) as transaction_id,
        'release' as transaction_type,
        milestones.project_id,
        cast(null as bigint) as backer_id,
        milestones.milestone_id,
        {{ to_amount('releases.release_cents') }} as amount,
        milestones.approved_at as occurred_at
    from milestones
    inner join releases on milestones.milestone_id = releases.milestone_id
    union all
    select
        'refund-' || cast(project_id as string) || '-' || cast(backer_id as string)
            as transaction_id,
        'refund' as transaction_type,
        project_id,
        backer_id,
        refunded_milestone_id as milestone_id,
        {{ to_amount('refunded_cents') }} as amount,
        refunded_at as occurred_at
    from backers
    where refunded_cents <> 0
)

select * from fct_escrow_transactions
