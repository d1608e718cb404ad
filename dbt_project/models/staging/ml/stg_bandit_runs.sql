with

runs as (
    select
        *,
        min(case when as_of = {{ as_of() }} then measured_at end) over () as first_decided_at
    from {{ source('ml', 'bandit_runs') }}
),

known as (
    select * from runs
    where {{ known_in_time('as_of', 'measured_at', 'first_decided_at') }}
),

newest as (
    {{ newest('known', ['as_of'], 'measured_at') }}
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
