-- Of each timestamp the decisions of its last run count; decided upon for several, the newest does.
with

runs as (
    select * from {{ ref('stg_bandit_runs') }}
),

recorded as (
    select history.*
    from {{ source('ml', 'bandit_decisions') }} as history
    inner join runs
        on
            history.run_id = runs.run_id
            and history.bandit_version = runs.bandit_version
            and history.as_of = runs.as_of
            and history.decided_at = runs.measured_at
),

newest as (
    {{ newest('recorded', ['project_id', 'bandit_version'], 'decided_at') }}
)

select
    run_id,
    bandit_version,
    as_of,
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
from newest
