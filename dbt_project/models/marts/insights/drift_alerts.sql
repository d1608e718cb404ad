with

drifted as (
    select distinct
        model_name,
        feature,
        snapshot_kind
    from {{ ref('stg_drift_stats') }}
    where is_alert
),

alerts as (
    select * from {{ ref('stg_drift_alarms') }}
),

drift_alerts as (
    select
        alerts.model_name,
        alerts.model_version,
        alerts.feature,
        alerts.snapshot_kind,
        alerts.words,
        alerts.since_at,
        alerts.relative_mean_shift,
        alerts.capped_mean_shift,
        alerts.psi,
        alerts.adjusted_p_value,
        alerts.reference_count,
        alerts.current_count,
        alerts.expected_accuracy,
        alerts.expected_accuracy_change,
        alerts.as_of,
        alerts.measured_at
    from alerts
    -- a measurement without any alert writes none, so the ones before are still there
    inner join drifted
        on
            alerts.model_name = drifted.model_name
            and alerts.feature = drifted.feature
            and alerts.snapshot_kind = drifted.snapshot_kind
)

select * from drift_alerts
