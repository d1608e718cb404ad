{% set first_kind = var('snapshot_kinds').milestone | selectattr('hours') | first %}
-- What became of high-risk milestones: known 180 days after the due date, a planned timestamp;
-- before it the losses are not known. With the votes at the first time at which money is decided.
with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null and expires_at <= {{ as_of() }}
),

votes as (
    select * from {{ ref('int_votes_counted') }}
    where snapshot_kind = '{{ first_kind.name }}'
),

high_risk_milestones_closed as (
    select
        milestones.milestone_id,
        milestones.project_id,
        milestones.expires_at as closed_at,
        milestones.approved_at is null as is_lost,
        {{ has_majority_for('votes.approval_count', 'votes.vote_count - votes.approval_count') }}
            as has_majority_for
    from milestones
    left join votes
        on
            milestones.milestone_id = votes.milestone_id
            -- later votes are not known when the 180 days end
            and {{ add_hours('milestones.submitted_at', first_kind.hours) }}
            <= milestones.expires_at
    where coalesce(milestones.approved_at > milestones.grace_ends_at, true)
)

select * from high_risk_milestones_closed
