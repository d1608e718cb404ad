select
    cast(creator_id as bigint) as creator_id,
    display_name,
    country,
    cast(joined_at as timestamp) as joined_at
from {{ raw('creators') }}
where joined_at < {{ as_of() }}
