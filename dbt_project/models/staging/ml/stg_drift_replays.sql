-- Of each week the newest replay of the version that serves, as a whole. A week with too few
-- projects for the newest check writes nothing, so what an earlier run wrote may still stand.
with

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

needed as (
    select
        model_name,
        max(needed_count) as needed_count
    from {{ ref('stg_drift_checks') }}
    group by model_name
),

measured as (
    select history.*
    from {{ source('ml', 'drift_replays') }} as history
    inner join models_in_use
        on
            history.model_name = models_in_use.model_name
            and history.model_version = models_in_use.model_version
    left join needed on history.model_name = needed.model_name
    where
        -- an older run kept no checks
        (
            needed.needed_count is null
            or least(history.reference_count, history.current_count) >= needed.needed_count
        )
        and {{ known_in_time(
            'history.as_of', 'history.measured_at', 'models_in_use.first_decided_at'
        ) }}
),

newest as (
    {{ newest('measured', ['model_name', 'week_at'], 'measured_at') }}
)

select
    run_id,
    model_name,
    model_version,
    as_of,
    week_at,
    feature,
    snapshot_kind,
    relative_mean_shift,
    capped_mean_shift,
    psi,
    adjusted_p_value,
    reference_count,
    current_count,
    is_alert,
    measured_at
from newest
