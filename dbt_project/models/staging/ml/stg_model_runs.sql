select
    run_id,
    model_name,
    model_version,
    status,
    reason,
    estimator,
    train_entity_count,
    test_entity_count,
    cutoff_at,
    as_of,
    trained_at
from {{ source('ml', 'model_runs') }}
