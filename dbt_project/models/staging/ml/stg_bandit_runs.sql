with

runs as (
    select * from {{ source('ml', 'bandit_runs') }}
),

newest as (
    {{ newest('runs', ['as_of'], 'measured_at') }}
)

select
    run_id,
    bandit_version,
    status,
    reason,
    as_of,
    starts_at,
    settings,
    data_fingerprint,
    measured_at
from newest
