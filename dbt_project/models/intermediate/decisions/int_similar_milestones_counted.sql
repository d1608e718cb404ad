-- What had become of similar milestones strictly before each snapshot: questions (kind 0) and known
-- answers (kind 1) in one running sum, as in int_milestone_snapshot_history.
with

submitted as (
    select * from {{ ref('int_submitted_milestone_outcomes') }}
),

events as (
    select
        milestone_id,
        snapshot_kind,
        compared_at,
        milestone_group,
        snapshot_at as occurred_at,
        0 as kind,
        0 as outcomes,
        0 as high_risks
    from submitted
    union all
    select
        milestone_id,
        snapshot_kind,
        compared_at,
        milestone_group,
        closed_at as occurred_at,
        1 as kind,
        1 as outcomes,
        case when is_high_risk then 1 else 0 end as high_risks
    from submitted
    where snapshot_kind <> 'current' and closed_at is not null
),

running as (
    select
        milestone_id,
        snapshot_kind,
        milestone_group,
        kind,
        cast(sum(outcomes) over by_group as bigint) as similar_count,
        cast(sum(high_risks) over by_group as bigint) as similar_high_risk_count,
        -- none of a few is not never: two milestones more are counted, one of them high risk
        (1 + sum(high_risks) over by_day) / cast(2 + sum(outcomes) over by_day as double)
            as overall_high_risk_ratio
    from events
    window
        by_group as (
            partition by milestone_group order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        ),
        by_day as (
            partition by compared_at order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        )
),

-- The share is drawn towards that of all groups as if by two milestones more.
similar_milestones_counted as (
    select
        milestone_id,
        snapshot_kind,
        milestone_group,
        similar_count,
        similar_high_risk_count,
        case
            when similar_count >= {{ var('min_similar_milestones') }}
                then
                    (similar_high_risk_count + 2 * overall_high_risk_ratio)
                    / cast(similar_count + 2 as double)
        end as similar_risk
    from running
    where kind = 0
)

select * from similar_milestones_counted
