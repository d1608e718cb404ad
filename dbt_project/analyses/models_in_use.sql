-- Which version of each model serves, and how much did it learn from?
select
    model_name,
    model_version,
    estimator,
    status,
    reason,
    train_entity_count,
    test_entity_count,
    cutoff_at
from {{ ref('int_models_in_use') }}
order by model_name
