-- Cumulated over all buckets before any snapshot is left out: the last row is the running total.
with

projects as (
    select project_id from {{ ref('stg_projects') }}
),

pledges as (
    select * from {{ ref('int_pledges_bucketed') }}
),

backers as (
    select * from {{ ref('int_backers_bucketed') }}
),

kinds as (
    select * from {{ ref('int_project_snapshot_kinds') }}
),

grid as (
    select
        projects.project_id,
        kinds.bucket
    from projects
    cross join kinds
),

filled as (
    select
        grid.project_id,
        grid.bucket,
        pledges.largest_amount,
        pledges.last_pledged_at,
        coalesce(pledges.pledge_count, 0) as pledge_count,
        coalesce(pledges.pledged_amount, 0) as pledged_amount,
        coalesce(pledges.pledge_count_last_24h_of_snapshot, 0) as pledge_count_last_24h_of_snapshot,
        coalesce(pledges.pledge_count_last_24h_of_as_of, 0) as pledge_count_last_24h_of_as_of,
        coalesce(backers.backer_count, 0) as backer_count,
        coalesce(backers.repeat_backer_count, 0) as repeat_backer_count
    from grid
    left join pledges on grid.project_id = pledges.project_id and grid.bucket = pledges.bucket
    left join backers on grid.project_id = backers.project_id and grid.bucket = backers.bucket
),

project_buckets_cumulated as (
    select
        project_id,
        bucket,
        cast(sum(pledge_count) over so_far as bigint) as pledge_count,
        cast(sum(pledged_amount) over so_far as decimal(18, 2)) as pledged_amount,
        pledge_count_last_24h_of_snapshot,
        cast(sum(pledge_count_last_24h_of_as_of) over so_far as bigint)
            as pledge_count_last_24h_of_as_of,
        cast(sum(backer_count) over so_far as bigint) as backer_count,
        cast(sum(repeat_backer_count) over so_far as bigint) as repeat_backer_count,
        max(largest_amount) over so_far as largest_amount,
        max(last_pledged_at) over so_far as last_pledged_at
    from filled
    window so_far as (
        partition by project_id order by bucket
        rows between unbounded preceding and current row
    )
)

select * from project_buckets_cumulated
