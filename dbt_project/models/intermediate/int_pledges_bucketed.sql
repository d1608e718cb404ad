-- Sums that add up: each pledge lies in the bucket of the first snapshot that may count it, bucket
-- 7 holds what comes after the last one. A pledge at the snapshot itself does not count.
with

pledges as (
    select * from {{ ref('stg_pledges') }}
),

projects as (
    select * from {{ ref('stg_projects') }}
),

kinds as (
    select * from {{ ref('int_project_snapshot_kinds') }}
),

aged as (
    select
        pledges.project_id,
        pledges.amount,
        pledges.pledged_at,
        {{ microseconds_between('projects.launched_at', 'pledges.pledged_at') }} as age_us,
        case
            when pledges.pledged_at >= {{ add_hours(as_of(), -24) }} then 1
            else 0
        end as is_in_last_24h_of_as_of
    from pledges
    inner join projects on pledges.project_id = projects.project_id
),

bucketed as (
    select
        aged.*,
        {{ campaign_bucket('aged.age_us') }} as bucket
    from aged
),

-- the 24 hours before a snapshot lie inside its own bucket, so this count is never cumulated
windowed as (
    select
        bucketed.*,
        case
            when bucketed.age_us >= (kinds.hours_after - 24) * 3600000000 then 1
            else 0
        end as is_in_last_24h_of_snapshot
    from bucketed
    inner join kinds on bucketed.bucket = kinds.bucket
),

pledges_bucketed as (
    select
        project_id,
        bucket,
        cast(sum(amount) as decimal(18, 2)) as pledged_amount,
        cast(sum(is_in_last_24h_of_snapshot) as bigint) as pledge_count_last_24h_of_snapshot,
        cast(sum(is_in_last_24h_of_as_of) as bigint) as pledge_count_last_24h_of_as_of,
        count(*) as pledge_count,
        max(amount) as largest_amount,
        max(pledged_at) as last_pledged_at
    from windowed
    group by project_id, bucket
)

select * from pledges_bucketed
