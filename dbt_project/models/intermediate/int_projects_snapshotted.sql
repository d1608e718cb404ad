-- What was pledged strictly before each snapshot. Cumulated over all buckets before any snapshot is
-- left out: `current` counts what lies in those that it came too early for.
with

projects as (
    select * from {{ ref('stg_projects') }}
),

kinds as (
    select * from {{ ref('int_project_snapshot_kinds') }}
),

pledges as (
    select * from {{ ref('int_pledges_bucketed') }}
),

backers as (
    select * from {{ ref('int_backers_bucketed') }}
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

cumulated as (
    select
        project_id,
        bucket,
        pledge_count_last_24h_of_snapshot,
        sum(pledge_count_last_24h_of_as_of) over so_far as pledge_count_last_24h_of_as_of,
        sum(pledge_count) over so_far as pledge_count,
        sum(pledged_amount) over so_far as pledged_amount,
        sum(backer_count) over so_far as backer_count,
        sum(repeat_backer_count) over so_far as repeat_backer_count,
        max(largest_amount) over so_far as largest_amount,
        max(last_pledged_at) over so_far as last_pledged_at
    from filled
    window so_far as (
        partition by project_id order by bucket nulls last
        rows between unbounded preceding and current row
    )
),

snapshots as (
    select
        cumulated.*,
        kinds.snapshot_kind,
        case
            when kinds.snapshot_kind = 'current' then {{ as_of() }}
            else {{ add_hours('projects.launched_at', 'kinds.hours_after') }}
        end as snapshot_at,
        projects.deadline_at,
        projects.cancelled_at
    from cumulated
    inner join projects on cumulated.project_id = projects.project_id
    inner join kinds on cumulated.bucket = kinds.bucket
),

-- a campaign has a snapshot while it runs
projects_snapshotted as (
    select
        project_id,
        snapshot_kind,
        snapshot_at,
        largest_amount,
        last_pledged_at,
        cast(pledge_count as bigint) as pledge_count,
        cast(pledged_amount as decimal(18, 2)) as pledged_amount,
        cast(backer_count as bigint) as backer_count,
        cast(repeat_backer_count as bigint) as repeat_backer_count,
        cast(
            case
                when snapshot_kind = 'current' then pledge_count_last_24h_of_as_of
                else pledge_count_last_24h_of_snapshot
            end as bigint
        ) as pledge_count_last_24h
    from snapshots
    where
        snapshot_at <= {{ as_of() }}
        and snapshot_at < deadline_at
        and (cancelled_at is null or snapshot_at < cancelled_at)
)

select * from projects_snapshotted
