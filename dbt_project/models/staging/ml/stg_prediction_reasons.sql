with

-- only what is live is explained: all that was ever predicted is not looked through for it
predictions as (
    select prediction_id from {{ ref('int_predictions_current') }}
    where snapshot_kind = 'current'
),

reasons as (
    select * from {{ source('ml', 'prediction_reasons') }}
    where prediction_id in (select predictions.prediction_id from predictions)
)

select
    prediction_id,
    model_name,
    model_version,
    entity_id,
    rank as reason_rank,
    feature,
    feature_value,
    contribution,
    unit,
    as_of,
    predicted_at
from reasons
