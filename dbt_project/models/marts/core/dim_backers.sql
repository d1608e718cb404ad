select
    backer_id,
    country,
    joined_at
from {{ ref('stg_backers') }}
