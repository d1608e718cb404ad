-- The newest run for AS_OF; one that was skipped, or that a bug ended, has no version.
with

runs as (
    select * from {{ ref('stg_final_amount_runs') }}
),

failed as (
    select max(reason) as reason from {{ ref('stg_failures') }}
    where stage = 'amount'
)

select
    runs.run_id,
    runs.as_of,
    runs.cutoff_at,
    runs.train_project_count,
    runs.test_project_count,
    runs.without_intervals,
    runs.skill_state,
    runs.measured_at,
    case when failed.reason is null then runs.status else 'failed' end as status,
    coalesce(failed.reason, runs.reason) as reason,
    case when failed.reason is null then runs.model_version end as model_version
from runs
cross join failed
