-- The newest run up to AS_OF says which version decides; one that was skipped then decides nothing.
with

runs as (
    select * from {{ ref('stg_bandit_runs') }}
),

newest as (
    {{ newest('runs', ['1'], 'measured_at') }}
)

select
    run_id,
    status,
    reason,
    settings,
    as_of,
    measured_at,
    case when status = 'active' then bandit_version end as bandit_version
from newest
