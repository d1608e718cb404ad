with

snapshots as (
    select * from {{ ref('int_projects_snapshotted') }}
),

projects as (
    select * from {{ ref('stg_projects') }}
),

preceded as (
    select * from {{ ref('int_project_history') }}
),

joined as (
    select
        snapshots.project_id,
        snapshots.snapshot_kind,
        snapshots.snapshot_at,
        projects.category,
        projects.country,
        projects.funding_goal,
        projects.launched_at,
        {{ days_between('projects.launched_at', 'projects.deadline_at') }} as duration_days,
        {{ days_between('projects.launched_at', 'snapshots.snapshot_at') }} as elapsed_days,
        preceded.prior_project_count,
        preceded.prior_outcome_count,
        preceded.prior_success_count,
        {{ ratio('preceded.prior_on_time_milestone_count', 'preceded.prior_due_milestone_count') }}
            as prior_on_time_ratio,
        {{ ratio('preceded.category_success_count', 'preceded.category_outcome_count') }}
            as category_base_rate,
        snapshots.pledge_count,
        snapshots.backer_count,
        snapshots.repeat_backer_count,
        snapshots.pledged_amount,
        snapshots.largest_amount,
        snapshots.last_pledged_at,
        snapshots.pledge_count_last_24h
    from snapshots
    inner join projects on snapshots.project_id = projects.project_id
    inner join preceded on snapshots.project_id = preceded.project_id
),

project_features as (
    select
        project_id,
        snapshot_kind,
        snapshot_at,
        pledged_amount >= funding_goal as is_decided,
        category,
        country,
        funding_goal,
        duration_days,
        {{ iso_weekday('launched_at') }} as launch_weekday,
        cast(extract(month from launched_at) as bigint) as launch_month,
        prior_project_count,
        prior_outcome_count,
        {{ ratio('prior_success_count', 'prior_outcome_count') }} as prior_success_ratio,
        prior_on_time_ratio,
        prior_project_count = 0 as is_first_time_creator,
        category_base_rate,
        (prior_success_count + 2 * category_base_rate) / (prior_outcome_count + 2)
            as reputation_score,
        {{ ratio('elapsed_days', 'duration_days') }} as elapsed_ratio,
        pledge_count,
        backer_count as unique_backer_count,
        pledged_amount,
        {{ ratio('pledged_amount', 'funding_goal') }} as funding_ratio,
        {{ ratio('pledge_count', 'elapsed_days') }} as funding_velocity,
        {{ ratio(
            ratio('pledged_amount', 'funding_goal'), ratio('elapsed_days', 'duration_days')
        ) }}
            as pace_ratio,
        {{ ratio('pledged_amount', 'pledge_count') }} as average_pledge_amount,
        {{ ratio('largest_amount', 'pledged_amount') }} as largest_pledge_ratio,
        pledge_count_last_24h,
        {{ hours_between('last_pledged_at', 'snapshot_at') }} as hours_since_last_pledge,
        {{ ratio('repeat_backer_count', 'backer_count') }} as repeat_backer_ratio
    from joined
)

select * from project_features
