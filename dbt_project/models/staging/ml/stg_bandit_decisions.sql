select
    run_id,
    bandit_version,
    project_id,
    launched_at,
    batch_at,
    chosen_strategy,
    propensity,
    state,
    epsilon,
    draw,
    seed,
    snapshot,
    decided_at
from {{ source('ml', 'bandit_decisions') }}
