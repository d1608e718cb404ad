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

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

predictions as (
    select made.*
    from {{ ref('int_predictions_current') }} as made
    inner join models_in_use
        on
            made.model_name = models_in_use.model_name
            and made.model_version = models_in_use.model_version
    where
        made.model_name = 'milestone_risk'
        and made.snapshot_kind = 'current'
        and made.snapshot_at = {{ as_of() }}
        and made.origin = 'batch'
),

reasons as (
    select * from {{ ref('int_reasons_told') }}
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
        reasons.reasons,
        predictions.prediction_id,
        predictions.model_version,
        predictions.predicted_at,
        features.snapshot_at as as_of,
        -features.days_past_due as days_left
    from milestones
    inner join projects on milestones.project_id = projects.project_id
    inner join balances on milestones.project_id = balances.project_id
    inner join features on milestones.milestone_id = features.milestone_id
    left join predictions on milestones.milestone_id = predictions.entity_id
    left join reasons on predictions.prediction_id = reasons.prediction_id
)

select * from milestone_outlook
