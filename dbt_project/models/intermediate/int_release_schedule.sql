-- What the approval of a milestone releases, or did: the difference of two cumulated releases per
-- backer, summed. Exact, and never negative.
with

milestones as (
    select
        *,
        approved_cents - case when approved_at is not null then funding_cents else 0 end
            as approved_before_cents
    from {{ ref('int_milestones_started') }}
    where started_at is not null
),

backers as (
    select * from {{ ref('int_pledges_grouped_by_backer') }}
),

by_backer as (
    select
        milestones.milestone_id,
        {{ released_cents(
            'backers.pledged_cents',
            'milestones.approved_before_cents + milestones.funding_cents',
            'milestones.goal_cents'
        ) }}
        - {{ released_cents(
            'backers.pledged_cents', 'milestones.approved_before_cents', 'milestones.goal_cents'
        ) }} as release_cents
    from milestones
    inner join backers on milestones.project_id = backers.project_id
),

release_schedule as (
    select
        milestone_id,
        cast(sum(release_cents) as bigint) as release_cents,
        min(release_cents) as smallest_backer_cents
    from by_backer
    group by milestone_id
)

select * from release_schedule
