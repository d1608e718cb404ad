-- What was known of creator and category strictly before each launch: questions (kind 0) and known
-- outcomes (kind 1) in one running sum by time and kind, so that a question precedes its answer.
with

projects as (
    select * from {{ ref('int_projects_funded') }}
),

milestones as (
    select * from {{ ref('int_milestones_started') }}
    where started_at is not null
),

events as (
    select
        project_id,
        creator_id,
        category,
        launched_at as occurred_at,
        0 as kind,
        0 as launches,
        0 as outcomes,
        0 as successes,
        0 as due_milestones,
        0 as on_time_milestones
    from projects
    union all
    select
        project_id,
        creator_id,
        category,
        launched_at as occurred_at,
        1 as kind,
        1 as launches,
        0 as outcomes,
        0 as successes,
        0 as due_milestones,
        0 as on_time_milestones
    from projects
    union all
    select
        project_id,
        creator_id,
        category,
        outcome_known_at as occurred_at,
        1 as kind,
        0 as launches,
        1 as outcomes,
        case when is_successful then 1 else 0 end as successes,
        0 as due_milestones,
        0 as on_time_milestones
    from projects
    where outcome_known_at is not null
    union all
    select
        project_id,
        creator_id,
        cast(null as string) as category,
        on_time_known_at as occurred_at,
        1 as kind,
        0 as launches,
        0 as outcomes,
        0 as successes,
        1 as due_milestones,
        case when is_on_time then 1 else 0 end as on_time_milestones
    from milestones
),

running as (
    select
        project_id,
        kind,
        sum(launches) over by_creator as prior_project_count,
        sum(outcomes) over by_creator as prior_outcome_count,
        sum(successes) over by_creator as prior_success_count,
        sum(due_milestones) over by_creator as prior_due_milestone_count,
        sum(on_time_milestones) over by_creator as prior_on_time_milestone_count,
        sum(outcomes) over by_category as category_outcome_count,
        sum(successes) over by_category as category_success_count
    from events
    window
        by_creator as (
            partition by creator_id order by occurred_at, kind
            rows between unbounded preceding and current row
        ),
        by_category as (
            partition by category order by occurred_at, kind
            rows between unbounded preceding and current row
        )
),

project_history as (
    select
        project_id,
        cast(prior_project_count as bigint) as prior_project_count,
        cast(prior_outcome_count as bigint) as prior_outcome_count,
        cast(prior_success_count as bigint) as prior_success_count,
        cast(prior_due_milestone_count as bigint) as prior_due_milestone_count,
        cast(prior_on_time_milestone_count as bigint) as prior_on_time_milestone_count,
        cast(category_outcome_count as bigint) as category_outcome_count,
        cast(category_success_count as bigint) as category_success_count
    from running
    where kind = 0
)

select * from project_history
