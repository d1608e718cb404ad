-- Monitoring of the version that serves, at AS_OF: its newest measurement, as a whole. A
-- check that could test nothing measures nothing, so what was measured before counts no more.
with

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

tested as (
    select distinct model_name from {{ ref('stg_drift_checks') }}
    where status <> 'not tested'
),

measured as (
    select history.*
    from {{ source('ml', 'drift_stats') }} as history
    inner join models_in_use
        on
            history.model_name = models_in_use.model_name
            and history.model_version = models_in_use.model_version
    inner join tested on history.model_name = tested.model_name
    where history.as_of = {{ as_of() }}
),

newest as (
    {{ newest('measured', ['model_name'], 'measured_at') }}
)

select
    run_id,
    model_name,
    model_version,
    as_of,
    feature,
    snapshot_kind,
    statistic,
    value,
    value_low,
    threshold,
    p_value,
    adjusted_p_value,
    reference_count,
    current_count,
    is_alert,
    measured_at
from newest
