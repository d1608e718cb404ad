select
    cast(vote_id as bigint) as vote_id,
    cast(milestone_id as bigint) as milestone_id,
    cast(backer_id as bigint) as backer_id,
    cast(is_approval as boolean) as is_approval,
    cast(voted_at as timestamp) as voted_at
from {{ raw('votes') }}
where voted_at < {{ as_of() }}
