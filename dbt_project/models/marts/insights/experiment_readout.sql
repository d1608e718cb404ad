with

-- corrected data may have lost an experiment
exposures as (
    select distinct experiment from {{ ref('fct_experiment_exposures') }}
),

results as (
    select * from {{ ref('stg_experiment_results') }}
    where experiment in (select exposures.experiment from exposures)
),

experiment_readout as (
    select
        results.experiment,
        results.is_exploratory,
        results.hypothesis,
        results.control,
        results.treatment,
        results.metric,
        results.metric_role,
        results.look_number,
        results.look_at,
        results.control_backer_count,
        results.treatment_backer_count,
        results.control_view_count,
        results.treatment_view_count,
        results.control_value,
        results.treatment_value,
        results.difference,
        results.difference_low,
        results.difference_high,
        results.repeated_difference_low,
        results.repeated_difference_high,
        results.lift_ratio,
        results.lift_ratio_low,
        results.lift_ratio_high,
        results.repeated_lift_ratio_low,
        results.repeated_lift_ratio_high,
        results.statistic,
        results.p_value,
        results.adjusted_p_value,
        results.cuped_difference,
        results.cuped_difference_low,
        results.cuped_difference_high,
        results.cuped_variance_ratio,
        results.information,
        results.information_fraction,
        results.alpha_spent,
        results.boundary,
        results.is_significant,
        results.conditional_power,
        results.control_exposed_count,
        results.treatment_exposed_count,
        results.sample_ratio_p_value,
        results.sample_ratio_threshold,
        results.is_sample_ratio_broken,
        results.window_days,
        results.first_window_closes_at,
        results.missing_reason,
        results.decision,
        results.reason,
        results.as_of,
        results.measured_at
    from results
)

select * from experiment_readout
