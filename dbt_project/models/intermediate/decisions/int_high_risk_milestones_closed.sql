{% set first_kind = (var('snapshot_kinds').milestone | selectattr('hours') | first).name %}
-- What became of high-risk milestones: known 180 days after the due date, a planned timestamp;
-- before it the losses are not known. With the votes at the first time at which money is decided.
with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null and expires_at <= {{ as_of() }}
),

submitted as (
    select * from {{ ref('int_submitted_milestone_outcomes') }}
    where snapshot_kind = '{{ first_kind }}'
),

high_risk_milestones_closed as (
    select
        milestones.milestone_id,
        milestones.project_id,
        milestones.expires_at as closed_at,
        milestones.approved_at is null as is_lost,
        {{ has_majority_for('submitted.approval_count', 'submitted.rejection_count') }}
            as has_majority_for
    from milestones
    left join submitted on milestones.milestone_id = submitted.milestone_id
    where coalesce(milestones.approved_at > milestones.grace_ends_at, true)
)

select * from high_risk_milestones_closed
