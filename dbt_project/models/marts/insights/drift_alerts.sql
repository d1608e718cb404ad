with

drift_stats as (
    select * from {{ ref('stg_drift_stats') }}
),

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

-- measured again with another threshold, the newest measurement counts
ranked as (
    select
        drift_stats.*,
        row_number() over (
            partition by
                drift_stats.model_version,
                drift_stats.feature,
                drift_stats.clock,
                drift_stats.statistic
            order by drift_stats.measured_at desc
        ) as recency
    from drift_stats
    inner join models_in_use
        on
            drift_stats.model_name = models_in_use.model_name
            and drift_stats.model_version = models_in_use.model_version
    where drift_stats.as_of = {{ as_of() }}
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
    from ranked
    where recency = 1 and is_alert
)

select * from drift_alerts
