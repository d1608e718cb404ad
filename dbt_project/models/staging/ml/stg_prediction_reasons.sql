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
    predicted_at
from {{ source('ml', 'prediction_reasons') }}
