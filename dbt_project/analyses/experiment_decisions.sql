-- What does each experiment say at its last interim analysis?
with

analyses as (
    select
        *,
        row_number() over (
            partition by experiment, treatment order by look_number desc
        ) as newest_first
    from {{ ref('experiment_readout') }}
    where metric_role = 'primary'
)

select
    experiment,
    treatment,
    metric,
    look_at,
    lift_ratio,
    repeated_lift_ratio_low,
    repeated_lift_ratio_high,
    decision,
    reason
from analyses
where newest_first = 1
order by experiment, treatment
