-- Of a model in use what its newest check found, of a model without one the reason.
with

drift_checks as (
    select * from {{ ref('stg_drift_checks') }}
    where as_of = {{ as_of() }}
),

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

-- checked again with other settings, the newest check counts
checks_ranked as (
    select
        *,
        row_number() over (
            partition by model_name, model_version, snapshot_kind, subject
            order by measured_at desc, run_id desc
        ) as recency
    from drift_checks
),

drift_status as (
    select
        checks_ranked.model_name,
        checks_ranked.model_version,
        checks_ranked.as_of,
        checks_ranked.snapshot_kind,
        checks_ranked.subject,
        checks_ranked.status,
        checks_ranked.reason,
        checks_ranked.feature_count,
        checks_ranked.alert_count,
        checks_ranked.reference_count,
        checks_ranked.current_count,
        checks_ranked.needed_count,
        checks_ranked.measured_at
    from checks_ranked
    left join models_in_use on checks_ranked.model_name = models_in_use.model_name
    where
        checks_ranked.recency = 1
        and coalesce(checks_ranked.model_version, '') = coalesce(models_in_use.model_version, '')
)

select * from drift_status
