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
    select
        made.*,
        models_in_use.skill_state
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
    select * from {{ ref('int_prediction_reasons_ranked') }}
),

labels as (
    select * from {{ ref('milestone_labels') }}
),

votes as (
    select * from {{ ref('int_votes_counted') }}
    where snapshot_kind = 'current'
),

-- An outcome that is known is a fact, whatever was predicted.
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
        features.is_submitted,
        milestones.submitted_at,
        features.vote_count,
        features.approval_ratio,
        features.turnout_ratio,
        features.is_decided,
        reasons.reasons,
        predictions.prediction_id,
        predictions.skill_state,
        predictions.model_version,
        predictions.predicted_at,
        features.snapshot_at as as_of,
        -features.days_past_due as days_left,
        coalesce(votes.approval_count, 0) as approval_count,
        features.vote_count - coalesce(votes.approval_count, 0) as rejection_count,
        case
            when labels.is_high_risk then cast(1 as double)
            when not labels.is_high_risk then cast(0 as double)
            else predictions.predicted_probability
        end as risk_probability,
        case
            when labels.milestone_id is not null then 'known outcome'
            when predictions.prediction_id is not null then 'prediction'
            else 'none'
        end as risk_source,
        coalesce(labels.is_high_risk, predictions.predicted_label) as is_high_risk_predicted
    from milestones
    inner join projects on milestones.project_id = projects.project_id
    inner join balances on milestones.project_id = balances.project_id
    inner join features on milestones.milestone_id = features.milestone_id
    left join votes on milestones.milestone_id = votes.milestone_id
    left join labels on milestones.milestone_id = labels.milestone_id
    left join predictions on milestones.milestone_id = predictions.entity_id
    left join reasons on predictions.prediction_id = reasons.prediction_id
)

select * from milestone_outlook
