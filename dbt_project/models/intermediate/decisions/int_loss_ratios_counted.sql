-- The loss ratio as it was known strictly before each past decision: questions (kind 0) and known
-- losses (kind 1) in one running sum, as in int_similar_milestones_counted.
with

submitted as (
    select * from {{ ref('int_submitted_milestone_outcomes') }}
    where snapshot_kind <> 'current'
),

high_risk as (
    select * from {{ ref('int_high_risk_milestones_closed') }}
),

events as (
    select
        milestone_id,
        snapshot_kind,
        snapshot_at as occurred_at,
        0 as kind,
        0 as lost_cents,
        0 as funding_cents
    from submitted
    union all
    select
        milestone_id,
        cast(null as string) as snapshot_kind,
        closed_at as occurred_at,
        1 as kind,
        lost_cents,
        funding_cents
    from high_risk
),

running as (
    select
        milestone_id,
        snapshot_kind,
        kind,
        sum(kind) over so_far as high_risk_count,
        sum(lost_cents) over so_far as lost_cents,
        sum(funding_cents) over so_far as funding_cents
    from events
    window
        so_far as (
            order by occurred_at, kind rows between unbounded preceding and current row
        )
),

loss_ratios_counted as (
    select
        milestone_id,
        snapshot_kind,
        {{ loss_ratio('high_risk_count', 'lost_cents', 'funding_cents') }} as loss_ratio
    from running
    where kind = 0
)

select * from loss_ratios_counted
