with

replays as (
    select * from {{ source('ml', 'model_runs') }}
    where status = 'backtest'
),

newest as (
    {{ newest('replays', ['model_name', 'cutoff_at'], 'trained_at') }}
)

select
    run_id,
    model_name,
    model_version,
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
    trained_at
from newest
