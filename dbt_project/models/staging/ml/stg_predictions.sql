-- Predictions that a version made while it served; of the same snapshot the newest counts.
with

serving as (
    select * from {{ ref('int_models_serving') }}
),

made as (
    select history.*
    from {{ source('ml', 'predictions') }} as history
    inner join serving
        on
            history.model_name = serving.model_name
            and history.model_version = serving.model_version
            and history.as_of = serving.as_of
    where
        {{ known_in_time('history.as_of', 'history.predicted_at', 'serving.first_decided_at') }}
),

-- the id comes first, since it tells most rows apart: texts after it are seldom compared
newest as (
    {{ newest(
        'made',
        ['entity_id', 'snapshot_at', 'snapshot_kind', 'model_name', 'model_version', 'origin'],
        'predicted_at'
    ) }}
)

select
    run_id,
    prediction_id,
    model_name,
    model_version,
    entity_id,
    as_of,
    snapshot_at,
    snapshot_kind,
    predicted_probability,
    predicted_label,
    predicted_at,
    origin,
    is_decided
from newest
