-- A label is there exactly when the outcome is known, and says what core says.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

projects as (
    select
        dim_projects.project_id,
        dim_projects.is_successful,
        dim_projects.outcome_known_at,
        labels.project_id as labelled_id,
        labels.is_successful as labelled_successful,
        labels.outcome_known_at as label_known_at
    from {{ ref('dim_projects') }} as dim_projects
    full join {{ ref('project_labels') }} as labels
        on dim_projects.project_id = labels.project_id
),

milestones as (
    select
        fct_milestones.milestone_id,
        fct_milestones.milestone_status,
        fct_milestones.started_at,
        fct_milestones.resolved_at,
        labels.milestone_id as labelled_id,
        labels.is_high_risk,
        labels.outcome_known_at,
        as_of.as_of,
        {{ add_hours('fct_milestones.due_at', grace_hours()) }} as grace_ends_at
    from {{ ref('fct_milestones') }} as fct_milestones
    full join {{ ref('milestone_labels') }} as labels
        on fct_milestones.milestone_id = labels.milestone_id
    cross join as_of
),

snapshots as (
    select
        features.milestone_id,
        features.is_decided,
        labels.is_high_risk
    from {{ ref('milestone_features') }} as features
    left join {{ ref('milestone_labels') }} as labels
        on features.milestone_id = labels.milestone_id
    where features.snapshot_kind = 'current'
)

select
    'project_label_without_project' as check_name,
    cast(labelled_id as string) as row_key
from projects
where project_id is null
union all
select
    'project_label_exactly_when_the_outcome_is_known' as check_name,
    cast(project_id as string) as row_key
from projects
where (outcome_known_at is null) <> (labelled_id is null)
union all
select
    'project_label_is_the_projects_outcome' as check_name,
    cast(project_id as string) as row_key
from projects
where labelled_id is not null and labelled_successful is distinct from is_successful
union all
select
    'project_label_is_known_when_the_outcome_is' as check_name,
    cast(project_id as string) as row_key
from projects
where label_known_at is distinct from outcome_known_at
union all
select
    'milestone_label_without_milestone' as check_name,
    cast(labelled_id as string) as row_key
from milestones
where milestone_id is null
union all
select
    'milestone_label_without_start' as check_name,
    cast(milestone_id as string) as row_key
from milestones
where labelled_id is not null and started_at is null
union all
select
    'milestone_label_exactly_when_resolved_or_grace_over' as check_name,
    cast(milestone_id as string) as row_key
from milestones
where
    started_at is not null
    and (labelled_id is not null) <> (resolved_at is not null or grace_ends_at <= as_of)
union all
select
    'high_risk_unless_approved_within_the_grace' as check_name,
    cast(milestone_id as string) as row_key
from milestones
where
    is_high_risk
    = coalesce(milestone_status = 'approved' and resolved_at <= grace_ends_at, false)
union all
select
    'milestone_label_is_known_after_the_start_and_by_as_of' as check_name,
    cast(milestone_id as string) as row_key
from milestones
where outcome_known_at < started_at or outcome_known_at > as_of
union all
select
    'open_milestone_is_decided_exactly_when_labelled_high_risk' as check_name,
    cast(milestone_id as string) as row_key
from snapshots
where is_decided <> coalesce(is_high_risk, false)
