-- Analysed again with another design or other data, the newest analysis counts, as a whole; none
-- does of an experiment whose analysis failed since.
with

failed as (
    select unit from {{ ref('stg_failures') }}
    where stage = 'experiment'
),

results as (
    select * from {{ source('ml', 'experiment_results') }}
    where
        as_of = {{ as_of() }}
        and experiment not in (select failed.unit from failed)
        and 'all experiments' not in (select failed.unit from failed)
),

newest as (
    {{ newest('results', ['experiment'], 'measured_at') }}
)

select
    run_id,
    experiment,
    is_exploratory,
    hypothesis,
    control,
    treatment,
    metric,
    metric_role,
    look_number,
    look_at,
    control_backer_count,
    treatment_backer_count,
    control_view_count,
    treatment_view_count,
    control_value,
    treatment_value,
    difference,
    difference_low,
    difference_high,
    repeated_difference_low,
    repeated_difference_high,
    lift_ratio,
    lift_ratio_low,
    lift_ratio_high,
    repeated_lift_ratio_low,
    repeated_lift_ratio_high,
    statistic,
    p_value,
    adjusted_p_value,
    cuped_difference,
    cuped_difference_low,
    cuped_difference_high,
    cuped_variance_ratio,
    information,
    information_fraction,
    alpha_spent,
    boundary,
    is_significant,
    conditional_power,
    control_exposed_count,
    treatment_exposed_count,
    sample_ratio_p_value,
    sample_ratio_threshold,
    is_sample_ratio_broken,
    window_days,
    first_window_closes_at,
    missing_reason,
    decision,
    reason,
    as_of,
    measured_at
from newest
