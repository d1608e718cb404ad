with

drift_stats as (
    select * from {{ ref('stg_drift_stats') }}
),

drift_alerts as (
    select
        model_name,
        model_version,
        feature,
        clock,
        statistic,
        value,
        threshold,
        p_value,
        adjusted_p_value,
        reference_count,
        current_count,
        as_of,
        measured_at
    from drift_stats
    where is_alert and as_of = {{ as_of() }}
)

select * from drift_alerts
