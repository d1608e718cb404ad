with

drift_checks as (
    select * from {{ ref('stg_drift_checks') }}
),

drift_status as (
    select
        model_name,
        model_version,
        as_of,
        snapshot_kind,
        subject,
        status,
        reason,
        feature_count,
        alert_count,
        reference_count,
        current_count,
        needed_count,
        model_status,
        model_summary,
        measured_at
    from drift_checks
)

select * from drift_status
