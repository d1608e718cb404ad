with

projects as (
    select * from {{ ref('stg_projects') }}
),

pledges as (
    select
        project_id,
        cast(sum(pledge_count) as bigint) as pledge_count,
        {{ to_cents('sum(pledged_amount)') }} as pledged_cents
    from {{ ref('int_pledges_bucketed') }}
    group by project_id
),

backers as (
    select
        project_id,
        cast(sum(backer_count) as bigint) as backer_count
    from {{ ref('int_backers_bucketed') }}
    group by project_id
),

joined as (
    select
        projects.project_id,
        projects.creator_id,
        projects.category,
        projects.launched_at,
        projects.deadline_at,
        projects.cancelled_at,
        {{ to_cents('projects.funding_goal') }} as goal_cents,
        coalesce(pledges.pledge_count, 0) as pledge_count,
        coalesce(backers.backer_count, 0) as backer_count,
        coalesce(pledges.pledged_cents, 0) as pledged_cents
    from projects
    left join pledges on projects.project_id = pledges.project_id
    left join backers on projects.project_id = backers.project_id
),

known as (
    select
        *,
        -- a cancellation is an event; that a deadline has passed is the consequence of a plan
        case
            when cancelled_at is not null then cancelled_at
            when deadline_at <= {{ as_of() }} then deadline_at
        end as outcome_known_at
    from joined
),

outcomes as (
    select
        *,
        case
            when outcome_known_at is not null
                then cancelled_at is null and pledged_cents >= goal_cents
        end as is_successful
    from known
),

projects_funded as (
    select
        *,
        case when is_successful then deadline_at end as funded_at
    from outcomes
)

select * from projects_funded
