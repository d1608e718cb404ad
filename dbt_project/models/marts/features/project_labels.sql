select
    project_id,
    is_successful,
    outcome_known_at
from {{ ref('int_projects_funded') }}
where outcome_known_at is not null
