-- The units that a bug ended when they were last tried for AS_OF. What they wrote for it before was
-- made of other data or by other code, so it counts no more.
with

history as (
    select * from {{ source('ml', 'failures') }}
    where as_of = {{ as_of() }}
),

newest as (
    {{ newest('history', ['stage', 'unit'], 'recorded_at') }}
)

select
    run_id,
    stage,
    unit,
    as_of,
    reason,
    recorded_at
from newest
where is_failed
