-- The log's newest row says which version decides; one that was skipped last decides nothing.
with

bandit_runs as (
    select * from {{ ref('stg_bandit_runs') }}
),

ranked as (
    select
        bandit_version,
        status,
        row_number() over (order by measured_at desc, run_id desc) as recency
    from bandit_runs
),

bandits_in_use as (
    select bandit_version
    from ranked
    where recency = 1 and status = 'active'
)

select * from bandits_in_use
