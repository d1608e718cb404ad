with

snapshots as (
    select * from {{ ref('int_milestones_snapshotted') }}
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
),

projects as (
    select * from {{ ref('int_projects_funded') }}
),

strategies as (
    select
        project_id,
        release_strategy
    from {{ ref('stg_projects') }}
),

counts as (
    select
        project_id,
        count(*) as milestone_count
    from milestones
    group by project_id
),

votes as (
    select * from {{ ref('int_votes_counted') }}
),

preceded as (
    select * from {{ ref('int_milestone_snapshot_history') }}
),

milestone_features as (
    select
        snapshots.milestone_id,
        snapshots.project_id,
        snapshots.snapshot_kind,
        snapshots.snapshot_at,
        coalesce(milestones.resolved_at < snapshots.snapshot_at, false)
        or milestones.grace_ends_at <= snapshots.snapshot_at as is_decided,
        {{ to_amount('milestones.funding_cents') }} as funding_amount,
        {{ ratio('milestones.funding_cents', 'milestones.goal_cents') }} as funding_share_ratio,
        milestones.milestone_number,
        counts.milestone_count,
        milestones.planned_days,
        {{ days_between('milestones.due_at', 'snapshots.snapshot_at') }} as days_past_due,
        -- a plan may be an hour long
        greatest(-1, least(2, 1 + {{ ratio(
            days_between('milestones.due_at', 'milestones.started_at'), 'milestones.planned_days'
        ) }})) as late_start_ratio,
        {{ ratio('projects.pledged_cents', 'projects.goal_cents') }} as overfunding_ratio,
        preceded.project_on_time_ratio,
        preceded.creator_on_time_ratio,
        preceded.creator_rejection_ratio,
        coalesce(milestones.submitted_at < snapshots.snapshot_at, false) as is_submitted,
        case
            when milestones.submitted_at < snapshots.snapshot_at
                then {{ days_between('milestones.submitted_at', 'snapshots.snapshot_at') }}
        end as days_since_submission,
        coalesce(votes.vote_count, 0) as vote_count,
        {{ ratio('votes.approval_count', 'votes.vote_count') }} as approval_ratio,
        -- two standard errors are as good as certain; more voters make it no surer
        case
            when votes.vote_count > 0
                then greatest(-2, least(2, {{ ratio(
                    '2 * votes.approval_count - votes.vote_count', 'sqrt(votes.vote_count)'
                ) }}))
        end as approval_z_score,
        {{ ratio('coalesce(votes.vote_count, 0)', 'projects.backer_count') }} as turnout_ratio,
        {{ hours_between('milestones.submitted_at', 'votes.first_voted_at') }}
            as hours_to_first_vote,
        strategies.release_strategy
    from snapshots
    inner join milestones on snapshots.milestone_id = milestones.milestone_id
    inner join projects on snapshots.project_id = projects.project_id
    inner join strategies on snapshots.project_id = strategies.project_id
    inner join counts on snapshots.project_id = counts.project_id
    inner join preceded
        on
            snapshots.milestone_id = preceded.milestone_id
            and snapshots.snapshot_kind = preceded.snapshot_kind
    left join votes
        on
            snapshots.milestone_id = votes.milestone_id
            and snapshots.snapshot_kind = votes.snapshot_kind
)

select * from milestone_features
