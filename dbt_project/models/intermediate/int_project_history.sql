-- What was known of creator and category strictly before each launch: questions (kind 0) and known
-- outcomes (kind 1) in one running sum by time and kind, so that a question precedes its answer.
with

projects as (
    select
        *,
        -- the rank counts what was launched strictly before, whatever was launched with it
        rank() over (partition by creator_id order by launched_at nulls last) - 1
            as prior_project_count
    from {{ ref('int_projects_funded') }}
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
        prior_project_count,
        launched_at as occurred_at,
        0 as kind,
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
        cast(null as bigint) as prior_project_count,
        outcome_known_at as occurred_at,
        1 as kind,
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
        cast(null as bigint) as prior_project_count,
        on_time_known_at as occurred_at,
        1 as kind,
        0 as outcomes,
        0 as successes,
        1 as due_milestones,
        case when is_on_time then 1 else 0 end as on_time_milestones
    from milestones
),

by_creator as (
    select
        project_id,
        kind,
        prior_project_count,
        sum(outcomes) over before as prior_outcome_count,
        sum(successes) over before as prior_success_count,
        sum(due_milestones) over before as prior_due_milestone_count,
        sum(on_time_milestones) over before as prior_on_time_milestone_count
    from events
    window before as (
        partition by creator_id order by occurred_at nulls last, kind nulls last
        rows between unbounded preceding and current row
    )
),

-- without milestones, which have no category
by_category as (
    select
        project_id,
        kind,
        sum(outcomes) over before as category_outcome_count,
        sum(successes) over before as category_success_count
    from events
    where due_milestones = 0
    window before as (
        partition by category order by occurred_at nulls last, kind nulls last
        rows between unbounded preceding and current row
    )
),

project_history as (
    select
        by_creator.project_id,
        cast(by_creator.prior_project_count as bigint) as prior_project_count,
        cast(by_creator.prior_outcome_count as bigint) as prior_outcome_count,
        cast(by_creator.prior_success_count as bigint) as prior_success_count,
        cast(by_creator.prior_due_milestone_count as bigint) as prior_due_milestone_count,
        cast(by_creator.prior_on_time_milestone_count as bigint) as prior_on_time_milestone_count,
        cast(by_category.category_outcome_count as bigint) as category_outcome_count,
        cast(by_category.category_success_count as bigint) as category_success_count
    from by_creator
    inner join by_category on by_creator.project_id = by_category.project_id
    where by_creator.kind = 0 and by_category.kind = 0
)

select * from project_history
