{{ config(materialized="view") }}

-- Each backer's money in a project: pledged, released so far, and gone back.
with

backers as (
    select * from {{ ref('int_pledges_grouped_by_backer') }}
),

projects as (
    select * from {{ ref('int_projects_settled') }}
),

released as (
    select
        backers.project_id,
        backers.backer_id,
        backers.pledged_cents,
        projects.refunded_at,
        projects.refunded_milestone_id,
        {{ released_cents(
            'backers.pledged_cents', 'projects.approved_cents', 'projects.goal_cents'
        ) }} as released_cents
    from backers
    inner join projects on backers.project_id = projects.project_id
),

backers_settled as (
    select
        project_id,
        backer_id,
        pledged_cents,
        released_cents,
        refunded_at,
        refunded_milestone_id,
        case
            when refunded_at is not null then pledged_cents - released_cents else 0
        end as refunded_cents
    from released
)

select * from backers_settled
