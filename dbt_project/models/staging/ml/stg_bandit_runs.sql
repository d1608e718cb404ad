select
    run_id,
    bandit_version,
    status,
    reason,
    as_of,
    starts_at,
    settings,
    measured_at
from {{ source('ml', 'bandit_runs') }}
