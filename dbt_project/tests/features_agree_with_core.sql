-- Features at `current` are what core says at AS_OF, and snapshots are there for what exists.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

live as (
    select * from {{ ref('dim_projects') }}
    where project_status = 'live'
),

project_features as (
    select * from {{ ref('project_features') }}
),

project_pairs as (
    select
        features.*,
        live.project_id as live_id,
        live.pledged_amount as core_pledged_amount,
        live.pledge_count as core_pledge_count,
        live.backer_count as core_backer_count,
        live.funding_goal as core_funding_goal,
        live.category as core_category,
        live.country as core_country,
        as_of.as_of
    from live
    full join project_features as features
        on live.project_id = features.project_id and features.snapshot_kind = 'current'
    cross join as_of
    where live.project_id is not null or features.snapshot_kind = 'current'
),

open_milestones as (
    select
        milestones.*,
        projects.release_strategy,
        projects.backer_count,
        projects.pledged_amount,
        projects.funding_goal
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('dim_projects') }} as projects
        on milestones.project_id = projects.project_id
    where milestones.milestone_status in ('open', 'submitted')
),

milestone_features as (
    select * from {{ ref('milestone_features') }}
),

counts as (
    select
        project_id,
        count(*) as milestone_count
    from {{ ref('fct_milestones') }}
    group by project_id
),

votes as (
    select
        milestone_id,
        count(*) as vote_count,
        sum(case when is_approval then 1 else 0 end) as approval_count
    from {{ ref('fct_votes') }}
    group by milestone_id
),

milestone_pairs as (
    select
        features.*,
        open_milestones.milestone_id as open_id,
        open_milestones.milestone_status,
        open_milestones.funding_amount as core_funding_amount,
        open_milestones.release_strategy as core_release_strategy,
        open_milestones.due_at,
        open_milestones.backer_count,
        open_milestones.pledged_amount,
        open_milestones.funding_goal,
        counts.milestone_count as core_milestone_count,
        votes.approval_count,
        as_of.as_of,
        coalesce(votes.vote_count, 0) as core_vote_count
    from open_milestones
    full join milestone_features as features
        on
            open_milestones.milestone_id = features.milestone_id
            and features.snapshot_kind = 'current'
    left join counts on open_milestones.project_id = counts.project_id
    left join votes on open_milestones.milestone_id = votes.milestone_id
    cross join as_of
    where open_milestones.milestone_id is not null or features.snapshot_kind = 'current'
),

launched as (
    select
        project_id,
        snapshot_at
    from project_features
    where snapshot_kind = 'launch'
),

started as (
    select
        milestone_id,
        snapshot_at
    from milestone_features
    where snapshot_kind = 'start'
)

select
    'current_row_for_each_live_project' as check_name,
    cast(coalesce(live_id, project_id) as string) as row_key
from project_pairs
where live_id is null or project_id is null
union all
select
    'current_project_row_is_at_as_of' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where snapshot_at <> as_of
union all
select
    'current_pledged_amount_is_the_projects' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where pledged_amount <> core_pledged_amount
union all
select
    'current_pledge_count_is_the_projects' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where pledge_count <> core_pledge_count
union all
select
    'current_backer_count_is_the_projects' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where unique_backer_count <> core_backer_count
union all
select
    'current_funding_ratio_is_pledged_over_goal' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where funding_ratio <> {{ ratio('core_pledged_amount', 'core_funding_goal') }}
union all
select
    'current_goal_reached_says_the_same' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where is_decided <> (core_pledged_amount >= core_funding_goal)
union all
select
    'current_attributes_are_the_projects' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where category is distinct from core_category or country is distinct from core_country
union all
select
    'current_row_for_each_open_milestone' as check_name,
    cast(coalesce(open_id, milestone_id) as string) as row_key
from milestone_pairs
where open_id is null or milestone_id is null
union all
select
    'current_milestone_row_is_at_as_of' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where snapshot_at <> as_of
union all
select
    'current_vote_count_is_the_number_of_votes' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where vote_count <> core_vote_count
union all
select
    'current_approval_ratio_is_that_of_the_votes' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where approval_ratio is distinct from {{ ratio('approval_count', 'core_vote_count') }}
union all
select
    'current_turnout_is_votes_over_backers' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where turnout_ratio is distinct from {{ ratio('core_vote_count', 'backer_count') }}
union all
select
    'current_submission_is_the_status' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where is_submitted <> (milestone_status = 'submitted')
union all
select
    'current_decided_exactly_when_the_grace_is_over' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where is_decided <> ({{ add_hours('due_at', grace_hours()) }} <= as_of)
union all
select
    'current_plan_is_the_milestones' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    funding_amount <> core_funding_amount
    or milestone_count <> core_milestone_count
    or release_strategy is distinct from core_release_strategy
    or (days_past_due > 0) <> (due_at < as_of)
union all
select
    'current_overfunding_is_pledged_over_goal' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    overfunding_ratio is distinct from
    {{ ratio(to_cents('pledged_amount'), to_cents('funding_goal')) }}
union all
select
    'launch_row_for_each_project' as check_name,
    cast(projects.project_id as string) as row_key
from {{ ref('dim_projects') }} as projects
left join launched on projects.project_id = launched.project_id
where launched.snapshot_at is distinct from projects.launched_at
union all
select
    'start_row_for_each_started_milestone' as check_name,
    cast(milestones.milestone_id as string) as row_key
from {{ ref('fct_milestones') }} as milestones
left join started on milestones.milestone_id = started.milestone_id
where started.snapshot_at is distinct from milestones.started_at
union all
select
    'project_snapshot_after_as_of' as check_name,
    cast(features.project_id as string) as row_key
from project_features as features
cross join as_of
where features.snapshot_at > as_of.as_of
union all
select
    'milestone_snapshot_after_as_of' as check_name,
    cast(features.milestone_id as string) as row_key
from milestone_features as features
cross join as_of
where features.snapshot_at > as_of.as_of
