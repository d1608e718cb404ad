with

drift_stats as (
    select * from {{ ref('stg_drift_stats') }}
    where as_of = {{ as_of() }}
),

alarms as (
    select * from {{ ref('stg_drift_alarms') }}
    where as_of = {{ as_of() }}
),

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

-- measured again with another threshold, the newest measurement counts
stats_ranked as (
    select
        *,
        row_number() over (
            partition by model_name, model_version, feature, clock, statistic
            order by measured_at desc, run_id desc
        ) as recency
    from drift_stats
),

moved as (
    select distinct
        model_name,
        model_version,
        feature,
        clock
    from stats_ranked
    where recency = 1 and is_alert
),

alarms_ranked as (
    select
        *,
        row_number() over (
            partition by model_name, model_version, feature, clock
            order by measured_at desc, run_id desc
        ) as recency
    from alarms
),

drift_alerts as (
    select
        alarms_ranked.model_name,
        alarms_ranked.model_version,
        alarms_ranked.feature,
        alarms_ranked.clock,
        alarms_ranked.words,
        alarms_ranked.since_at,
        alarms_ranked.relative_mean_shift,
        alarms_ranked.capped_mean_shift,
        alarms_ranked.psi,
        alarms_ranked.adjusted_p_value,
        alarms_ranked.reference_count,
        alarms_ranked.current_count,
        alarms_ranked.expected_accuracy,
        alarms_ranked.expected_accuracy_change,
        alarms_ranked.as_of,
        alarms_ranked.measured_at
    from alarms_ranked
    inner join moved
        on
            alarms_ranked.model_name = moved.model_name
            and alarms_ranked.model_version = moved.model_version
            and alarms_ranked.feature = moved.feature
            and alarms_ranked.clock = moved.clock
    inner join models_in_use
        on
            alarms_ranked.model_name = models_in_use.model_name
            and alarms_ranked.model_version = models_in_use.model_version
    where alarms_ranked.recency = 1
)

select * from drift_alerts
