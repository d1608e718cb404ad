-- A decision is all rows of one run about one model. Of each timestamp that was decided for the
-- last one counts; what is replayed of the past decides nothing.
with

decisions as (
    select
        *,
        min(case when as_of = {{ as_of() }} then trained_at end)
            over (partition by model_name) as first_decided_at
    from {{ source('ml', 'model_runs') }}
    where status <> 'backtest'
),

known as (
    select * from decisions
    where {{ known_in_time('as_of', 'trained_at', 'first_decided_at') }}
),

newest as (
    {{ newest('known', ['model_name', 'as_of'], 'trained_at') }}
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
    first_decided_at,
    coalesce(skill_state, 'not_tested') as skill_state
from newest
