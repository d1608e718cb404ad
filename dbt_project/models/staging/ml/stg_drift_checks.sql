-- What was tested at AS_OF of the version that serves, or why nothing was: its newest check.
with

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

failed as (
    select distinct unit as model_name from {{ ref('stg_failures') }}
    where stage in ('train', 'predict', 'monitor')
),

checked as (
    select history.*
    from {{ source('ml', 'drift_checks') }} as history
    inner join models_in_use
        on
            history.model_name = models_in_use.model_name
            -- a model that was skipped has no version
            and coalesce(history.model_version, '') = coalesce(models_in_use.model_version, '')
    left join failed on history.model_name = failed.model_name
    where history.as_of = {{ as_of() }} and failed.model_name is null
),

newest as (
    {{ newest('checked', ['model_name'], 'measured_at') }}
)

select
    run_id,
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
from newest
