select
    cast(backer_id as bigint) as backer_id,
    country,
    cast(joined_at as timestamp) as joined_at
from {{ raw('backers') }}
where joined_at < {{ as_of() }}
