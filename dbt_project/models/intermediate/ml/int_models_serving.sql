-- Which version served at each timestamp that was decided for: the champion, or nothing when the
-- model was skipped. What was recorded before there were champions was in use.
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
from {{ ref('stg_model_runs') }}
where coalesce(is_champion, true) or status = 'skipped'
