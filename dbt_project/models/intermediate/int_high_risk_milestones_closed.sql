-- What became of the money behind high-risk milestones: known 180 days after the due date, a
-- planned timestamp; before it the losses are not known.
with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null and expires_at <= {{ as_of() }}
),

high_risk_milestones_closed as (
    select
        milestone_id,
        project_id,
        funding_cents,
        expires_at as closed_at,
        case when approved_at is null then funding_cents else 0 end as lost_cents
    from milestones
    where coalesce(approved_at > grace_ends_at, true)
)

select * from high_risk_milestones_closed
