-- Distinct backers add up too, once each stands in the bucket of the first pledge to the project.
with

pledges as (
    select * from {{ ref('stg_pledges') }}
),

projects as (
    select * from {{ ref('stg_projects') }}
),

backers as (
    select
        project_id,
        backer_id,
        min(pledged_at) as first_pledged_at
    from pledges
    group by project_id, backer_id
),

first_on_platform as (
    select
        backer_id,
        min(first_pledged_at) as first_pledged_at
    from backers
    group by backer_id
),

aged as (
    select
        backers.project_id,
        {{ microseconds_between('projects.launched_at', 'backers.first_pledged_at') }} as age_us,
        case
            when first_on_platform.first_pledged_at < backers.first_pledged_at then 1
            else 0
        end as is_repeat
    from backers
    inner join projects on backers.project_id = projects.project_id
    inner join first_on_platform on backers.backer_id = first_on_platform.backer_id
),

bucketed as (
    select
        project_id,
        is_repeat,
        {{ campaign_bucket('age_us') }} as bucket
    from aged
),

backers_bucketed as (
    select
        project_id,
        bucket,
        cast(sum(is_repeat) as bigint) as repeat_backer_count,
        count(*) as backer_count
    from bucketed
    group by project_id, bucket
)

select * from backers_bucketed
