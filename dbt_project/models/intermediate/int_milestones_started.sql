-- Only of funded projects: in no other does a milestone start.
with

milestones as (
    select * from {{ ref('stg_milestones') }}
),

projects as (
    select * from {{ ref('int_projects_funded') }}
),

approved as (
    select
        milestones.milestone_id,
        milestones.project_id,
        projects.creator_id,
        milestones.milestone_number,
        {{ to_cents('milestones.funding_amount') }} as funding_cents,
        projects.goal_cents,
        projects.deadline_at,
        milestones.due_at,
        milestones.submitted_at,
        milestones.resolved_at,
        milestones.resolution,
        projects.funded_at,
        case when milestones.resolution = 'approved' then milestones.resolved_at end as approved_at
    from milestones
    inner join projects on milestones.project_id = projects.project_id
    where projects.funded_at is not null
),

ordered as (
    select
        *,
        lag(approved_at) over by_number as previous_approved_at,
        lag(due_at) over by_number as previous_due_at,
        sum(case when approved_at is not null then funding_cents else 0 end) over so_far
            as approved_cents
    from approved
    window
        by_number as (partition by project_id order by milestone_number nulls last),
        so_far as (
            partition by project_id order by milestone_number nulls last
            rows between unbounded preceding and current row
        )
),

started as (
    select
        *,
        -- a milestone starts when the project is funded and the one before it approved; after a
        -- rejection the later ones never do
        case
            when milestone_number = 1 then funded_at
            when previous_approved_at is null then null
            else greatest(funded_at, previous_approved_at)
        end as started_at
    from ordered
),

milestones_started as (
    select
        milestone_id,
        project_id,
        creator_id,
        milestone_number,
        funding_cents,
        goal_cents,
        due_at,
        submitted_at,
        resolved_at,
        resolution,
        approved_at,
        started_at,
        {{ add_hours('due_at', grace_hours()) }} as grace_ends_at,
        {{ add_hours('due_at', expiry_hours()) }} as expires_at,
        {{ days_between('coalesce(previous_due_at, deadline_at)', 'due_at') }} as planned_days,
        coalesce(submitted_at <= due_at, false) as is_on_time,
        -- known once it is submitted or due, but not before it starts
        case
            when started_at is not null
                then greatest(started_at, least(coalesce(submitted_at, due_at), due_at))
        end as on_time_known_at,
        cast(approved_cents as bigint) as approved_cents
    from started
)

select * from milestones_started
