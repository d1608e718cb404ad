-- A late milestone is not lost: which share of the money behind high-risk ones was never approved.
-- Measured 180 days after the due date, a planned timestamp; before it the losses are not known.
with

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null and expires_at <= {{ as_of() }}
),

high_risk as (
    select
        funding_cents,
        case when approved_at is null then funding_cents else 0 end as lost_cents
    from milestones
    where coalesce(approved_at > grace_ends_at, true)
),

loss_ratios as (
    select
        count(*) as high_risk_count,
        case
            when count(*) >= {{ var('fewest_high_risk') }}
                then {{ ratio('sum(lost_cents)', 'sum(funding_cents)') }}
            else cast(1 as double)
        end as loss_ratio
    from high_risk
)

select * from loss_ratios
