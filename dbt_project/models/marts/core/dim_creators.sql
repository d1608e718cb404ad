select
    creator_id,
    display_name,
    country,
    joined_at
from {{ ref('stg_creators') }}
