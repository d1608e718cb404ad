select
    cast(pledge_id as bigint) as pledge_id,
    cast(project_id as bigint) as project_id,
    cast(backer_id as bigint) as backer_id,
    cast(amount as decimal(18, 2)) as amount,
    cast(pledged_at as timestamp) as pledged_at
from {{ raw('pledges') }}
where pledged_at < {{ as_of() }}
