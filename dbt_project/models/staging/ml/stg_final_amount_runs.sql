-- A run is about its own timestamp alone: what was made for others never counts.
with

runs as (
    select * from {{ source('ml', 'final_amount_runs') }}
    where as_of = {{ as_of() }}
),

newest as (
    {{ newest('runs', ['as_of'], 'measured_at') }}
)

select
    run_id,
    model_version,
    status,
    reason,
    as_of,
    cutoff_at,
    train_project_count,
    test_project_count,
    without_intervals,
    skill_state,
    data_fingerprint,
    config_fingerprint,
    code_fingerprint,
    measured_at,
    artifact_path,
    artifact_sha256
from newest
