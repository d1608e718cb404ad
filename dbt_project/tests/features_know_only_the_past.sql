-- traces of a look ahead: a snapshot after AS_OF, a last pledge or first vote not before it
select
    project_id as entity_id,
    snapshot_kind
from {{ ref('project_features') }}
where snapshot_at > {{ as_of() }} or hours_since_last_pledge <= 0
union all
select
    milestone_id as entity_id,
    snapshot_kind
from {{ ref('milestone_features') }}
where snapshot_at > {{ as_of() }} or (vote_count > 0 and hours_to_first_vote is null)
