with

projects as (
    select * from {{ ref('dim_projects') }}
    where project_status = 'live'
),

creators as (
    select * from {{ ref('dim_creators') }}
),

features as (
    select * from {{ ref('project_features') }}
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
        made.model_name = 'project_success'
        and made.snapshot_kind = 'current'
        and made.snapshot_at = {{ as_of() }}
        and made.origin = 'batch'
),

reasons as (
    select * from {{ ref('int_prediction_reasons_ranked') }}
),

final_amounts as (
    select * from {{ ref('stg_final_amount') }}
    where snapshot_kind = 'current'
),

project_outlook as (
    select
        projects.project_id,
        projects.title,
        creators.display_name as creator_name,
        projects.category,
        projects.funding_goal,
        projects.pledged_amount,
        features.funding_ratio,
        projects.backer_count,
        projects.deadline_at,
        {{ days_between('features.snapshot_at', 'projects.deadline_at') }} as days_left,
        features.is_decided,
        predictions.predicted_probability as success_probability,
        predictions.predicted_label as is_success_predicted,
        final_amounts.final_amount_low,
        final_amounts.final_amount_median,
        final_amounts.final_amount_high,
        reasons.reasons,
        predictions.prediction_id,
        predictions.skill_state,
        predictions.model_version,
        predictions.predicted_at,
        features.snapshot_at as as_of
    from projects
    inner join creators on projects.creator_id = creators.creator_id
    inner join features on projects.project_id = features.project_id
    left join predictions on projects.project_id = predictions.entity_id
    left join final_amounts on projects.project_id = final_amounts.project_id
    left join reasons on predictions.prediction_id = reasons.prediction_id
)

select * from project_outlook
