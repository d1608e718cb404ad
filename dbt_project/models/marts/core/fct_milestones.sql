with

milestones as (
    select * from {{ ref('stg_milestones') }}
),

started as (
    select * from {{ ref('int_milestones_started') }}
),

projects as (
    select * from {{ ref('int_projects_settled') }}
),

fct_milestones as (
    select
        milestones.milestone_id,
        milestones.project_id,
        milestones.milestone_number,
        milestones.title,
        milestones.funding_amount,
        milestones.due_at,
        milestones.submitted_at,
        milestones.resolved_at,
        milestones.resolution,
        started.started_at,
        {{ add_hours('milestones.due_at', grace_hours()) }} as grace_ends_at,
        case
            when milestones.resolution is not null then milestones.resolution
            when milestones.milestone_id = projects.refunded_milestone_id then 'expired'
            when projects.refunded_at is not null then 'void'
            when milestones.submitted_at is not null then 'submitted'
            when started.started_at is not null then 'open'
            else 'planned'
        end as milestone_status
    from milestones
    left join started on milestones.milestone_id = started.milestone_id
    inner join projects on milestones.project_id = projects.project_id
)

select * from fct_milestones
