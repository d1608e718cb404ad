-- The weeks of a month together. Means become counts and decimals again: a sum of floats depends on
-- the order of the rows.
with

weeks as (
    select
        model_name,
        model_version,
        snapshot_kind,
        cast(date_trunc('month', cohort_week) as date) as cohort_month,
        matured_count,
        pending_count,
        cast(round(accuracy * matured_count) as bigint) as right_count,
        cast(round(base_rate * matured_count) as bigint) as positive_count,
        {{ as_decimal('matured_estimated_accuracy * matured_count', 9, precision=28) }}
            as matured_estimate,
        {{ as_decimal('pending_estimated_accuracy * pending_count', 9, precision=28) }}
            as pending_estimate
    from {{ ref('model_performance') }}
),

measured as (
    select
        model_name,
        model_version,
        snapshot_kind,
        cohort_month,
        cast(sum(matured_count) as bigint) as matured_count,
        cast(sum(pending_count) as bigint) as pending_count,
        {{ ratio('sum(right_count)', 'sum(matured_count)') }} as accuracy,
        {{ ratio('sum(positive_count)', 'sum(matured_count)') }} as base_rate,
        {{ ratio('sum(matured_estimate)', 'sum(matured_count)') }} as matured_estimated_accuracy,
        {{ ratio('sum(pending_estimate)', 'sum(pending_count)') }} as pending_estimated_accuracy
    from weeks
    group by model_name, model_version, snapshot_kind, cohort_month
),

model_performance_monthly as (
    select
        model_name,
        model_version,
        snapshot_kind,
        cohort_month,
        matured_count,
        pending_count,
        accuracy,
        base_rate,
        matured_estimated_accuracy,
        pending_estimated_accuracy,
        {{ wilson_low('accuracy', 'matured_count') }} as accuracy_low,
        {{ wilson_high('accuracy', 'matured_count') }} as accuracy_high,
        greatest(base_rate, 1 - base_rate) as majority_guess
    from measured
)

select * from model_performance_monthly
