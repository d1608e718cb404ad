-- Measured again for the same version, the newest measurement counts, as a whole; a version that no
-- decision is about any more is not shown.
with

versions as (
    select
        model_name,
        model_version,
        as_of,
        first_decided_at
    from {{ ref('stg_model_runs') }}
    union
    select
        model_name,
        model_version,
        as_of,
        cast(null as timestamp) as first_decided_at
    from {{ ref('stg_model_replays') }}
),

measured as (
    select history.*
    from {{ source('ml', 'calibration_curves') }} as history
    inner join versions
        on
            history.model_name = versions.model_name
            and split_part(history.model_version, '/', 1) = versions.model_version
            and history.as_of = versions.as_of
    where
        {{ known_in_time('history.as_of', 'history.measured_at', 'versions.first_decided_at') }}
),

newest as (
    {{ newest('measured', ['model_name', "split_part(model_version, '/', 1)"], 'measured_at') }}
)

select
    run_id,
    model_name,
    model_version,
    split,
    snapshot_kind,
    bin,
    mean_probability,
    observed_rate,
    ci_low,
    ci_high,
    row_count,
    as_of,
    measured_at
from newest
