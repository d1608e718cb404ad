-- The outlooks show what is live or open, with core's money, votes and timestamps.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

live as (
    select * from {{ ref('dim_projects') }}
    where project_status = 'live'
),

creators as (
    select * from {{ ref('dim_creators') }}
),

project_pairs as (
    select
        outlook.*,
        live.project_id as live_id,
        live.title as core_title,
        creators.display_name as core_creator_name,
        live.pledged_amount as core_pledged_amount,
        live.funding_goal as core_funding_goal,
        live.backer_count as core_backer_count,
        live.deadline_at as core_deadline_at
    from live
    inner join creators on live.creator_id = creators.creator_id
    full join {{ ref('project_outlook') }} as outlook on live.project_id = outlook.project_id
),

project_features as (
    select * from {{ ref('project_features') }}
    where snapshot_kind = 'current'
),

votes as (
    select
        milestone_id,
        sum(case when is_approval then 1 else 0 end) as approval_count,
        sum(case when is_approval then 0 else 1 end) as rejection_count
    from {{ ref('fct_votes') }}
    group by milestone_id
),

open_milestones as (
    select
        milestones.*,
        balances.held_amount,
        projects.title as project_title
    from {{ ref('fct_milestones') }} as milestones
    inner join {{ ref('escrow_balances') }} as balances
        on milestones.project_id = balances.project_id
    inner join {{ ref('dim_projects') }} as projects
        on milestones.project_id = projects.project_id
    where milestones.milestone_status in ('open', 'submitted')
),

milestone_pairs as (
    select
        outlook.*,
        open_milestones.milestone_id as open_id,
        open_milestones.milestone_status as core_status,
        open_milestones.held_amount as core_held_amount,
        open_milestones.funding_amount as core_funding_amount,
        open_milestones.submitted_at as core_submitted_at,
        open_milestones.due_at as core_due_at,
        open_milestones.title as core_title,
        open_milestones.project_title as core_project_title,
        labels.is_high_risk,
        coalesce(votes.approval_count, 0) as core_approval_count,
        coalesce(votes.rejection_count, 0) as core_rejection_count
    from open_milestones
    full join {{ ref('milestone_outlook') }} as outlook
        on open_milestones.milestone_id = outlook.milestone_id
    left join votes on open_milestones.milestone_id = votes.milestone_id
    left join {{ ref('milestone_labels') }} as labels
        on open_milestones.milestone_id = labels.milestone_id
)

select
    'project_outlook_has_each_live_project' as check_name,
    cast(coalesce(live_id, project_id) as string) as row_key
from project_pairs
where live_id is null or project_id is null
union all
select
    'project_outlook_shows_the_projects_money' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where
    pledged_amount <> core_pledged_amount
    or funding_goal <> core_funding_goal
    or backer_count <> core_backer_count
union all
select
    'project_outlook_shows_the_projects_names_and_deadline' as check_name,
    cast(project_id as string) as row_key
from project_pairs
where
    title is distinct from core_title
    or creator_name is distinct from core_creator_name
    or deadline_at <> core_deadline_at
    or days_left <= 0
union all
select
    'project_outlook_shows_the_current_features' as check_name,
    cast(outlook.project_id as string) as row_key
from {{ ref('project_outlook') }} as outlook
left join project_features as features on outlook.project_id = features.project_id
where
    outlook.funding_ratio is distinct from features.funding_ratio
    or outlook.is_decided is distinct from features.is_decided
    or outlook.as_of is distinct from features.snapshot_at
union all
select
    'final_amounts_are_in_order_and_not_below_what_is_pledged' as check_name,
    cast(project_id as string) as row_key
from {{ ref('project_outlook') }}
where
    (final_amount_low is null) <> (final_amount_median is null)
    or (final_amount_high is null) <> (final_amount_median is null)
    or final_amount_low < pledged_amount
    or final_amount_low > final_amount_median
    or final_amount_median > final_amount_high
union all
select
    'project_outlook_is_at_as_of' as check_name,
    cast(outlook.project_id as string) as row_key
from {{ ref('project_outlook') }} as outlook
cross join as_of
where outlook.as_of <> as_of.as_of
union all
select
    'milestone_outlook_has_each_open_milestone' as check_name,
    cast(coalesce(open_id, milestone_id) as string) as row_key
from milestone_pairs
where open_id is null or milestone_id is null
union all
select
    'milestone_outlook_shows_the_balance' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where held_amount <> core_held_amount or funding_amount <> core_funding_amount
union all
select
    'milestone_outlook_shows_the_status_and_submission' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    milestone_status <> core_status
    or submitted_at is distinct from core_submitted_at
    or is_submitted <> (core_submitted_at is not null)
union all
select
    'milestone_outlook_counts_the_votes' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    approval_count <> core_approval_count
    or rejection_count <> core_rejection_count
    or vote_count <> core_approval_count + core_rejection_count
union all
select
    'milestone_outlook_approval_ratio_is_that_of_its_counts' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where approval_ratio is distinct from {{ ratio('approval_count', 'vote_count') }}
union all
select
    'milestone_outlook_shows_the_milestones_names_and_due_date' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    milestone_title is distinct from core_title
    or project_title is distinct from core_project_title
    or due_at <> core_due_at
    or (days_left < 0) <> (core_due_at < as_of)
union all
select
    'known_outcome_is_shown_as_one' as check_name,
    cast(milestone_id as string) as row_key
from milestone_pairs
where
    (is_high_risk is not null) <> (risk_source = 'known outcome')
    or (is_high_risk and risk_probability <> 1)
    or (not is_high_risk and risk_probability <> 0)
    or (is_high_risk is not null) <> is_decided
union all
select
    'milestone_outlook_is_at_as_of' as check_name,
    cast(outlook.milestone_id as string) as row_key
from {{ ref('milestone_outlook') }} as outlook
cross join as_of
where outlook.as_of <> as_of.as_of
