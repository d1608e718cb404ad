-- The newest decision up to AS_OF says which version serves, or why none does.
with

serving as (
    select * from {{ ref('int_models_serving') }}
),

newest as (
    {{ newest('serving', ['model_name'], 'trained_at') }}
)

select
    run_id,
    model_name,
    model_version,
    status,
    reason,
    estimator,
    train_entity_count,
    test_entity_count,
    train_row_count,
    test_row_count,
    train_from_at,
    cutoff_at,
    as_of,
    data_fingerprint,
    config_fingerprint,
    code_fingerprint,
    artifact_path,
    artifact_sha256,
    trained_at,
    is_champion,
    decision,
    compared_with,
    compared_project_count,
    log_loss_difference,
    difference_low,
    difference_high,
    skill_state,
    first_decided_at
from newest
