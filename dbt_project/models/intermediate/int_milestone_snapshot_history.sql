-- What was known of project and creator strictly before each milestone snapshot: questions (kind 0)
-- and known answers (kind 1) in one running sum, as in int_project_history.
with

snapshots as (
    select * from {{ ref('int_milestones_snapshotted') }}
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null
),

events as (
    select
        milestone_id,
        project_id,
        creator_id,
        snapshot_kind,
        snapshot_at as occurred_at,
        0 as kind,
        0 as due_milestones,
        0 as on_time_milestones,
        0 as resolutions,
        0 as rejections
    from snapshots
    union all
    select
        milestone_id,
        project_id,
        creator_id,
        cast(null as string) as snapshot_kind,
        on_time_known_at as occurred_at,
        1 as kind,
        1 as due_milestones,
        case when is_on_time then 1 else 0 end as on_time_milestones,
        0 as resolutions,
        0 as rejections
    from milestones
    union all
    select
        milestone_id,
        project_id,
        creator_id,
        cast(null as string) as snapshot_kind,
        resolved_at as occurred_at,
        1 as kind,
        0 as due_milestones,
        0 as on_time_milestones,
        1 as resolutions,
        case when resolution = 'rejected' then 1 else 0 end as rejections
    from milestones
    where resolved_at is not null
),

running as (
    select
        milestone_id,
        snapshot_kind,
        kind,
        sum(due_milestones) over by_project as project_due_count,
        sum(on_time_milestones) over by_project as project_on_time_count,
        sum(due_milestones) over by_creator as creator_due_count,
        sum(on_time_milestones) over by_creator as creator_on_time_count,
        sum(resolutions) over by_creator as creator_resolution_count,
        sum(rejections) over by_creator as creator_rejection_count
    from events
    window
        by_project as (
            partition by project_id order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        ),
        by_creator as (
            partition by creator_id order by occurred_at nulls last, kind nulls last
            rows between unbounded preceding and current row
        )
),

milestone_snapshot_history as (
    select
        milestone_id,
        snapshot_kind,
        {{ ratio('project_on_time_count', 'project_due_count') }} as project_on_time_ratio,
        {{ ratio('creator_on_time_count', 'creator_due_count') }} as creator_on_time_ratio,
        {{ ratio('creator_rejection_count', 'creator_resolution_count') }}
            as creator_rejection_ratio
    from running
    where kind = 0
)

select * from milestone_snapshot_history
