with

moved as (
    select distinct
        model_name,
        feature,
        clock
    from {{ ref('stg_drift_stats') }}
    where is_alert
),

alarms as (
    select * from {{ ref('stg_drift_alarms') }}
),

drift_alerts as (
    select
        alarms.model_name,
        alarms.model_version,
        alarms.feature,
        alarms.clock,
        alarms.words,
        alarms.since_at,
        alarms.relative_mean_shift,
        alarms.capped_mean_shift,
        alarms.psi,
        alarms.adjusted_p_value,
        alarms.reference_count,
        alarms.current_count,
        alarms.expected_accuracy,
        alarms.expected_accuracy_change,
        alarms.as_of,
        alarms.measured_at
    from alarms
    -- a measurement without any alarm writes no alarm, so the ones before are still there
    inner join moved
        on
            alarms.model_name = moved.model_name
            and alarms.feature = moved.feature
            and alarms.clock = moved.clock
)

select * from drift_alerts
