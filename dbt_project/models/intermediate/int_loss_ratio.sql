-- A late milestone is not lost: which share of the money behind high-risk ones was never approved.
with

high_risk as (
    select * from {{ ref('int_high_risk_milestones_closed') }}
),

loss_ratios as (
    select
        count(*) as high_risk_count,
        {{ loss_ratio('count(*)', 'sum(lost_cents)', 'sum(funding_cents)') }} as loss_ratio
    from high_risk
)

select * from loss_ratios
