with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null
),

snapshots as (
    select
        milestone_id,
        'start' as snapshot_kind,
        started_at as snapshot_at
    from milestones
    union all
    select
        milestone_id,
        'due' as snapshot_kind,
        due_at as snapshot_at
    from milestones
    where due_at > started_at
    {% for kind in var('snapshot_kinds').milestone if kind.hours %}
        union all
        select
            milestone_id,
            '{{ kind.name }}' as snapshot_kind,
            {{ add_hours('submitted_at', kind.hours) }} as snapshot_at
        from milestones
        where submitted_at is not null
    {% endfor %}
    union all
    select
        milestone_id,
        'current' as snapshot_kind,
        {{ as_of() }} as snapshot_at
    from milestones
    where resolved_at is null and expires_at > {{ as_of() }}
),

milestones_snapshotted as (
    select
        snapshots.milestone_id,
        milestones.project_id,
        milestones.creator_id,
        snapshots.snapshot_kind,
        snapshots.snapshot_at
    from snapshots
    inner join milestones on snapshots.milestone_id = milestones.milestone_id
    where snapshots.snapshot_at <= {{ as_of() }}
)

select * from milestones_snapshotted
