select
    pledge_id,
    project_id,
    backer_id,
    amount,
    pledged_at
from {{ ref('stg_pledges') }}
