with

drifted as (
    select distinct
        model_name,
        feature,
        snapshot_kind
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
        alarms.snapshot_kind,
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
    inner join drifted
        on
            alarms.model_name = drifted.model_name
            and alarms.feature = drifted.feature
            and alarms.snapshot_kind = drifted.snapshot_kind
)

select * from drift_alerts
