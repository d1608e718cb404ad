-- What was measured of the version that counts at AS_OF.
with

in_use as (
    select * from {{ ref('int_final_amount_in_use') }}
),

metrics as (
    select * from {{ source('ml', 'final_amount_metrics') }}
)

select
    metrics.run_id,
    metrics.model_version,
    metrics.as_of,
    metrics.predictor,
    metrics.snapshot_kind,
    metrics.metric,
    metrics.value,
    metrics.ci_low,
    metrics.ci_high,
    metrics.project_count,
    metrics.measured_at
from metrics
inner join in_use
    on metrics.model_version = in_use.model_version and metrics.as_of = in_use.as_of
