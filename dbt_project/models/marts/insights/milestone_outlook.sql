with

milestones as (
    select * from {{ ref('fct_milestones') }}
    where milestone_status in ('open', 'submitted')
),

projects as (
    select * from {{ ref('dim_projects') }}
),

balances as (
    select * from {{ ref('escrow_balances') }}
),

features as (
    select * from {{ ref('milestone_features') }}
    where snapshot_kind = 'current'
),

ranked as (
    select
        *,
        row_number() over (
            partition by entity_id order by predicted_at desc, model_version desc
        ) as recency
    from {{ ref('stg_predictions') }}
    where
        model_name = 'milestone_risk'
        and snapshot_kind = 'current'
        and snapshot_at = {{ as_of() }}
),

predictions as (
    select * from ranked
    where recency = 1
),

milestone_outlook as (
    select
        milestones.milestone_id,
        milestones.project_id,
        projects.title as project_title,
        milestones.title as milestone_title,
        milestones.milestone_number,
        features.milestone_count,
        milestones.milestone_status,
        milestones.funding_amount,
        balances.held_amount,
        milestones.due_at,
        features.vote_count,
        features.approval_ratio,
        features.is_decided,
        predictions.predicted_probability as risk_probability,
        predictions.predicted_label as is_high_risk_predicted,
        predictions.model_version,
        predictions.predicted_at,
        features.snapshot_at as as_of,
        -features.days_past_due as days_left
    from milestones
    inner join projects on milestones.project_id = projects.project_id
    inner join balances on milestones.project_id = balances.project_id
    inner join features on milestones.milestone_id = features.milestone_id
    left join predictions on milestones.milestone_id = predictions.entity_id
)

select * from milestone_outlook
