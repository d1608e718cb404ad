-- What is approved for release in all, and when and why the rest went back to the backers.
with

projects as (
    select * from {{ ref('int_projects_funded') }}
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
),

approved as (
    select
        project_id,
        max(approved_cents) as approved_cents
    from milestones
    group by project_id
),

-- at most one a project: what comes after it never starts
stopped as (
    select
        project_id,
        milestone_id,
        case when resolution = 'rejected' then resolved_at else expires_at end as stopped_at
    from milestones
    where
        resolution = 'rejected'
        or (started_at is not null and resolved_at is null and expires_at <= {{ as_of() }})
),

projects_settled as (
    select
        projects.project_id,
        projects.goal_cents,
        projects.is_successful,
        stopped.milestone_id as refunded_milestone_id,
        coalesce(approved.approved_cents, 0) as approved_cents,
        case
            when projects.is_successful then stopped.stopped_at
            else projects.outcome_known_at
        end as refunded_at
    from projects
    left join approved on projects.project_id = approved.project_id
    left join stopped on projects.project_id = stopped.project_id
)

select * from projects_settled
