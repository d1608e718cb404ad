-- Of each week the newest replay of the version that serves, as a whole. A feature that could not
-- be tested has a row without a verdict, so that no earlier one stands for it.
with

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

measured as (
    select history.*
    from {{ source('ml', 'drift_replays') }} as history
    inner join models_in_use
        on
            history.model_name = models_in_use.model_name
            and history.model_version = models_in_use.model_version
    where
        {{ known_in_time(
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
