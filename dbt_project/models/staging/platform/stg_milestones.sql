select
    cast(milestone_id as bigint) as milestone_id,
    cast(project_id as bigint) as project_id,
    cast(milestone_number as bigint) as milestone_number,
    title,
    cast(funding_amount as decimal(18, 2)) as funding_amount,
    cast(due_at as timestamp) as due_at,
    cast(case when submitted_at < {{ as_of() }} then submitted_at end as timestamp) as submitted_at,
    cast(case when resolved_at < {{ as_of() }} then resolved_at end as timestamp) as resolved_at,
    case when resolved_at < {{ as_of() }} then resolution end as resolution
from {{ raw('milestones') }}
-- a milestone is planned when its project is launched
where project_id in (select launched.project_id from {{ ref('stg_projects') }} as launched)
