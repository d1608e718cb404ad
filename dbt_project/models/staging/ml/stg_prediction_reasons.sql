with

predictions as (
    select prediction_id from {{ ref('int_predictions_current') }}
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
