select
    cast(project_id as bigint) as project_id,
    cast(creator_id as bigint) as creator_id,
    title,
    category,
    country,
    cast(funding_goal as decimal(18, 2)) as funding_goal,
    cast(launched_at as timestamp) as launched_at,
    cast(deadline_at as timestamp) as deadline_at,
    cast(case when cancelled_at < {{ as_of() }} then cancelled_at end as timestamp) as cancelled_at,
    release_strategy
from {{ raw('projects') }}
where launched_at < {{ as_of() }}
