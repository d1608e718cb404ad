with

projects as (
    select * from {{ ref('stg_projects') }}
),

funded as (
    select * from {{ ref('int_projects_funded') }}
),

dim_projects as (
    select
        projects.project_id,
        projects.creator_id,
        projects.title,
        projects.category,
        projects.country,
        projects.funding_goal,
        projects.launched_at,
        projects.deadline_at,
        projects.cancelled_at,
        projects.release_strategy,
        {{ to_amount('funded.pledged_cents') }} as pledged_amount,
        funded.pledge_count,
        funded.backer_count,
        case
            when funded.cancelled_at is not null then 'cancelled'
            when funded.is_successful then 'successful'
            when not funded.is_successful then 'failed'
            else 'live'
        end as project_status,
        funded.is_successful,
        funded.outcome_known_at,
        funded.funded_at
    from projects
    inner join funded on projects.project_id = funded.project_id
)

select * from dim_projects
