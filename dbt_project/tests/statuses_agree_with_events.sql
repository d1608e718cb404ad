-- A status says what the events say, of projects and of milestones.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

projects as (
    select
        dim_projects.*,
        as_of.as_of,
        case
            when dim_projects.cancelled_at is not null then 'cancelled'
            when dim_projects.deadline_at > as_of.as_of then 'live'
            when dim_projects.pledged_amount >= dim_projects.funding_goal then 'successful'
            else 'failed'
        end as expected_status
    from {{ ref('dim_projects') }} as dim_projects
    cross join as_of
),

votes as (
    select
        milestone_id,
        min(voted_at) as first_at,
        max(voted_at) as last_at
    from {{ ref('fct_votes') }}
    group by milestone_id
),

exposures as (
    select max(exposed_at) as last_at from {{ ref('fct_experiment_exposures') }}
),

ordered as (
    select
        fct_milestones.*,
        projects.project_status,
        projects.funded_at,
        projects.as_of,
        votes.first_at as first_voted_at,
        votes.last_at as last_voted_at,
        {{ add_hours('fct_milestones.due_at', expiry_hours()) }} as expires_at,
        lag(fct_milestones.milestone_status) over in_project as previous_status,
        lag(fct_milestones.resolved_at) over in_project as previous_resolved_at,
        lag(fct_milestones.due_at) over in_project as previous_due_at,
        row_number() over in_project as expected_number
    from {{ ref('fct_milestones') }} as fct_milestones
    left join projects on fct_milestones.project_id = projects.project_id
    left join votes on fct_milestones.milestone_id = votes.milestone_id
    window in_project as (
        partition by fct_milestones.project_id order by fct_milestones.milestone_number nulls last
    )
)

select
    'project_status_follows_from_its_events' as check_name,
    cast(project_id as string) as row_key
from projects
where project_status is distinct from expected_status
union all
select
    'successful_is_what_the_status_says' as check_name,
    cast(project_id as string) as row_key
from projects
where
    is_successful is distinct from
    case when project_status <> 'live' then project_status = 'successful' end
union all
select
    'outcome_is_known_at_deadline_or_cancellation' as check_name,
    cast(project_id as string) as row_key
from projects
where
    outcome_known_at is distinct from
    case when project_status <> 'live' then coalesce(cancelled_at, deadline_at) end
union all
select
    'funded_at_the_deadline_of_a_successful_project' as check_name,
    cast(project_id as string) as row_key
from projects
where funded_at is distinct from case when project_status = 'successful' then deadline_at end
union all
select
    'project_launched_or_cancelled_at_or_after_as_of' as check_name,
    cast(project_id as string) as row_key
from projects
where launched_at >= as_of or cancelled_at >= as_of
union all
select
    'milestone_without_project' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where project_status is null
union all
select
    'resolution_is_the_status' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    resolution is distinct from
    case when milestone_status in ('approved', 'rejected') then milestone_status end
    or (resolution is null) <> (resolved_at is null)
union all
select
    'open_or_submitted_says_whether_it_was_submitted' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    (milestone_status = 'submitted' and submitted_at is null)
    or (milestone_status in ('open', 'planned', 'void') and submitted_at is not null)
union all
select
    'resolved_milestone_was_submitted_before' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where resolved_at is not null and coalesce(submitted_at >= resolved_at, true)
union all
select
    'started_unless_planned_or_void' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where (started_at is null) <> (milestone_status in ('planned', 'void'))
union all
select
    'started_when_funded_and_the_previous_one_approved' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    started_at is not null
    and (
        started_at is distinct from greatest(funded_at, coalesce(previous_resolved_at, funded_at))
        or coalesce(previous_status, 'approved') <> 'approved'
    )
union all
select
    'milestones_of_a_live_project_are_planned' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where project_status = 'live' and milestone_status <> 'planned'
union all
select
    'milestones_of_an_unsuccessful_project_are_void' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where project_status in ('failed', 'cancelled') and milestone_status <> 'void'
union all
select
    'after_an_unapproved_milestone_nothing_is_open' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    (
        previous_status in ('rejected', 'expired', 'void') and milestone_status <> 'void'
    )
    or (previous_status in ('open', 'submitted', 'planned') and milestone_status <> 'planned')
union all
select
    'expired_exactly_when_unresolved_180_days_after_due' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    started_at is not null
    and resolved_at is null
    and (milestone_status = 'expired') <> (expires_at <= as_of)
union all
select
    'milestone_numbers_run_from_1' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where milestone_number <> expected_number or due_at <= previous_due_at
union all
select
    'votes_lie_between_submission_and_resolution' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where
    first_voted_at is not null
    and (coalesce(first_voted_at <= submitted_at, true) or last_voted_at > resolved_at)
union all
select
    'milestone_event_at_or_after_as_of' as check_name,
    cast(milestone_id as string) as row_key
from ordered
where submitted_at >= as_of or resolved_at >= as_of or last_voted_at >= as_of
union all
select
    'exposure_at_or_after_as_of' as check_name,
    cast(exposures.last_at as string) as row_key
from exposures
cross join as_of
where exposures.last_at >= as_of.as_of
