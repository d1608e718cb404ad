with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null
),

labelled as (
    select
        milestone_id,
        grace_ends_at,
        coalesce(approved_at > grace_ends_at, true) as is_high_risk,
        -- a resolution within the grace tells at once, its absence when the grace ends; one that
        -- starts after its grace is late from the start, and not known before
        case
            when resolved_at <= grace_ends_at then resolved_at
            when grace_ends_at <= {{ as_of() }} then greatest(started_at, grace_ends_at)
        end as outcome_known_at
    from milestones
),

milestone_labels as (
    select
        milestone_id,
        is_high_risk,
        outcome_known_at,
        -- an approval is known early, but counts only with the peers of the same plan
        greatest(outcome_known_at, grace_ends_at) as label_window_ends_at
    from labelled
    where outcome_known_at is not null
)

select * from milestone_labels
