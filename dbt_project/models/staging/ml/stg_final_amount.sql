-- What the version that counts at AS_OF predicted; a bug that ended the stage leaves nothing.
with

in_use as (
    select * from {{ ref('int_final_amount_in_use') }}
),

predictions as (
    select * from {{ source('ml', 'final_amount') }}
)

select
    predictions.run_id,
    predictions.prediction_id,
    predictions.model_version,
    predictions.project_id,
    predictions.as_of,
    predictions.snapshot_kind,
    predictions.snapshot_at,
    predictions.final_amount_low,
    predictions.final_amount_median,
    predictions.final_amount_high,
    predictions.predicted_at
from predictions
inner join in_use
    on predictions.model_version = in_use.model_version and predictions.as_of = in_use.as_of
