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
        {{ has_majority_for('approval_count', 'rejection_count') }} as has_majority_for,
        snapshot_at as occurred_at,
        0 as kind,
        0 as losses
    from submitted
    union all
    select
        milestone_id,
        cast(null as string) as snapshot_kind,
        has_majority_for,
        closed_at as occurred_at,
        1 as kind,
        case when is_lost then 1 else 0 end as losses
    from high_risk
),

running as (
    select
        milestone_id,
        snapshot_kind,
        has_majority_for,
        kind,
        case
            when has_majority_for is null then sum(kind) over so_far
            else sum(kind) over by_vote
        end as high_risk_count,
        case
            when has_majority_for is null then sum(losses) over so_far
            else sum(losses) over by_vote
        end as lost_count
    from events
    window
        so_far as (
            order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        ),
        by_vote as (
            partition by has_majority_for order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        )
),

loss_ratios_counted as (
    select
        milestone_id,
        snapshot_kind,
        has_majority_for,
        {{ loss_ratio(
            'high_risk_count', 'lost_count', late_per_lost_by_vote('has_majority_for')
        ) }} as loss_ratio
    from running
    where kind = 0
)

select * from loss_ratios_counted
