-- The difference of two cumulated releases per backer, summed: exact, and never negative.
with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where approved_at is not null
),

backers as (
    select * from {{ ref('int_pledges_grouped_by_backer') }}
),

by_backer as (
    select
        milestones.milestone_id,
        milestones.project_id,
        milestones.approved_at,
        {{ released_cents(
            'backers.pledged_cents', 'milestones.approved_cents', 'milestones.goal_cents'
        ) }}
        - {{ released_cents(
            'backers.pledged_cents',
            'milestones.approved_cents - milestones.funding_cents',
            'milestones.goal_cents'
        ) }} as released_cents
    from milestones
    inner join backers on milestones.project_id = backers.project_id
),

releases_prorated as (
    select
        milestone_id,
        project_id,
        approved_at,
        cast(sum(released_cents) as bigint) as released_cents,
        min(released_cents) as smallest_backer_cents
    from by_backer
    group by milestone_id, project_id, approved_at
)

select * from releases_prorated
