{% set kinds = var('snapshot_kinds').milestone | selectattr('hours') | list %}
{% set half_grace = var('grace_days') | int // 2 %}
-- Submitted milestones at the times when their release is decided: some days after submission, and
-- at AS_OF. Alike are those as long after submission with a like vote; unless most votes are
-- against, also those as punctual: the later, the less grace is left for the approval.
with

snapshots as (
    select * from {{ ref('milestone_features') }}
    where snapshot_kind not in ('start', 'due') and is_submitted and not is_decided
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
),

votes as (
    select * from {{ ref('int_votes_counted') }}
),

labels as (
    select * from {{ ref('milestone_labels') }}
),

counted as (
    select
        snapshots.milestone_id,
        snapshots.project_id,
        snapshots.snapshot_kind,
        snapshots.snapshot_at,
        labels.is_high_risk,
        coalesce(votes.approval_count, 0) as approval_count,
        snapshots.vote_count - coalesce(votes.approval_count, 0) as rejection_count,
        {{ days_between('milestones.due_at', 'milestones.submitted_at') }} as late_days,
        -- what is open at AS_OF is compared with the others at the last kind that it has reached;
        -- with none before the first
        case
            when snapshots.snapshot_kind <> 'current' then snapshots.snapshot_kind
            {% for kind in kinds | reverse %}
                when
                    snapshots.snapshot_at >= {{ add_hours('milestones.submitted_at', kind.hours) }}
                    then '{{ kind.name }}'
            {% endfor %}
        end as compared_at,
        labels.label_window_ends_at as closed_at
    from snapshots
    inner join milestones on snapshots.milestone_id = milestones.milestone_id
    left join votes
        on
            snapshots.milestone_id = votes.milestone_id
            and snapshots.snapshot_kind = votes.snapshot_kind
    left join labels on snapshots.milestone_id = labels.milestone_id
),

submitted_milestone_outcomes as (
    select
        milestone_id,
        project_id,
        snapshot_kind,
        snapshot_at,
        compared_at,
        approval_count,
        rejection_count,
        case
            when approval_count + rejection_count > 0 and approval_count <= rejection_count
                then 'submitted without a majority for'
            when late_days <= 0 then 'submitted on time'
            when late_days <= {{ half_grace }}
                then 'submitted up to {{ half_grace }} days late'
            else 'submitted more than {{ half_grace }} days late'
        end
        || case
            when approval_count > rejection_count then ' with most votes for'
            when rejection_count = 0 then ' without votes'
            else ''
        end
        || case compared_at
            {% for kind in kinds %}
                when '{{ kind.name }}' then ', {{ kind.description }}'
            {% endfor %}
        end as milestone_group,
        case when closed_at <= {{ as_of() }} then is_high_risk end as is_high_risk,
        case when closed_at <= {{ as_of() }} then closed_at end as closed_at
    from counted
)

select * from submitted_milestone_outcomes
