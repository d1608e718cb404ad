with

projects as (
    select * from {{ ref('stg_projects') }}
),

kinds as (
    select * from {{ ref('int_project_snapshot_kinds') }}
),

snapshots as (
    select
        projects.project_id,
        kinds.snapshot_kind,
        kinds.bucket,
        case
            when kinds.snapshot_kind = 'current' then {{ as_of() }}
            else {{ add_hours('projects.launched_at', 'kinds.hours_after') }}
        end as snapshot_at,
        projects.deadline_at,
        projects.cancelled_at
    from projects
    cross join kinds
),

-- a campaign has a snapshot while it runs
projects_snapshotted as (
    select
        project_id,
        snapshot_kind,
        bucket,
        snapshot_at
    from snapshots
    where
        snapshot_at <= {{ as_of() }}
        and snapshot_at < deadline_at
        and (cancelled_at is null or snapshot_at < cancelled_at)
)

select * from projects_snapshotted
