select
    project_id,
    is_successful,
    outcome_known_at,
    -- a cancellation is known early, but counts only with the peers of the same plan
    greatest(outcome_known_at, deadline_at) as label_window_ends_at
from {{ ref('int_projects_funded') }}
where outcome_known_at is not null
