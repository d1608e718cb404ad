-- The newest run up to AS_OF says which version decides; one that was skipped then, or that a bug
-- ended for AS_OF, decides nothing.
with

runs as (
    select * from {{ ref('stg_bandit_runs') }}
),

newest as (
    {{ newest('runs', ['1'], 'measured_at') }}
),

failed as (
    select max(reason) as reason from {{ ref('stg_failures') }}
    where stage = 'bandit'
)

select
    newest.run_id,
    newest.settings,
    newest.as_of,
    newest.measured_at,
    case when failed.reason is null then newest.status else 'failed' end as status,
    coalesce(failed.reason, newest.reason) as reason,
    case
        when newest.status = 'active' and failed.reason is null then newest.bandit_version
    end as bandit_version
from newest
cross join failed
