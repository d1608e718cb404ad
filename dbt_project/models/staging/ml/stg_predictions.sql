select
    prediction_id,
    model_name,
    model_version,
    entity_id,
    snapshot_at,
    snapshot_kind,
    predicted_probability,
    predicted_label,
    predicted_at,
    origin,
    is_decided
from {{ source('ml', 'predictions') }}
