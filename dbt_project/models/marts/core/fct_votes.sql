select
    vote_id,
    milestone_id,
    backer_id,
    is_approval,
    voted_at
from {{ ref('stg_votes') }}
