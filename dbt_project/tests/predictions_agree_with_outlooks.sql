-- What the outlooks show of a model is a prediction of the version in use, with its own reasons.
with

models_in_use as (
    select * from {{ ref('int_models_in_use') }}
),

shown as (
    select
        'project_success' as model_name,
        project_id as entity_id,
        success_probability as probability,
        is_success_predicted as is_likely,
        reasons,
        model_version,
        skill_state,
        predicted_at,
        as_of,
        case when success_probability is null then 'none' else 'prediction' end as shown_from
    from {{ ref('project_outlook') }}
    union all
    select
        'milestone_risk' as model_name,
        milestone_id as entity_id,
        risk_probability as probability,
        is_high_risk_predicted as is_likely,
        reasons,
        model_version,
        skill_state,
        predicted_at,
        as_of,
        risk_source as shown_from
    from {{ ref('milestone_outlook') }}
),

-- of what is live: only that is shown, and has reasons
predictions as (
    select * from {{ ref('stg_predictions') }}
    where snapshot_kind = 'current' and origin = 'batch'
),

made as (
    select
        predictions.*,
        reasons.reasons
    from predictions
    left join {{ ref('int_prediction_reasons_ranked') }} as reasons
        on predictions.prediction_id = reasons.prediction_id
),

pairs as (
    select
        shown.*,
        made.prediction_id,
        made.predicted_probability,
        made.predicted_label,
        made.reasons as made_reasons
    from shown
    left join made
        on
            shown.model_name = made.model_name
            and shown.model_version = made.model_version
            and shown.entity_id = made.entity_id
            and shown.as_of = made.snapshot_at
            and shown.predicted_at = made.predicted_at
    where shown.shown_from = 'prediction'
),

predicting as (
    select distinct model_name from shown
    where shown_from = 'prediction'
),

served as (
    select
        model_name,
        count(*) as version_count
    from models_in_use
    group by model_name
),

reasons as (
    select
        recorded.prediction_id,
        predictions.prediction_id as made_id,
        recorded.model_version,
        recorded.entity_id,
        predictions.model_version as made_version,
        predictions.entity_id as made_entity_id
    from {{ ref('stg_prediction_reasons') }} as recorded
    left join predictions on recorded.prediction_id = predictions.prediction_id
)

select
    'shown_prediction_was_made' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from pairs
where prediction_id is null
union all
select
    'shown_probability_is_the_predicted_one' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from pairs
where probability is distinct from predicted_probability
union all
select
    'shown_label_is_the_predicted_one' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from pairs
where is_likely is distinct from predicted_label
union all
select
    'shown_reasons_are_the_predictions' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from pairs
where reasons is distinct from made_reasons
union all
select
    'label_says_whether_the_probability_is_one_half' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from shown
where is_likely is distinct from (probability >= 0.5)
union all
select
    'probability_lies_between_0_and_1' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from shown
where probability < 0 or probability > 1
union all
select
    'no_probability_exactly_without_a_source' as check_name,
    model_name || ' ' || cast(entity_id as string) as row_key
from shown
where
    (probability is null) <> (shown_from = 'none')
    or (shown_from = 'none' and (reasons is not null or model_version is not null))
union all
select
    'shown_version_is_the_one_in_use' as check_name,
    shown.model_name || ' ' || cast(shown.entity_id as string) as row_key
from shown
left join models_in_use
    on
        shown.model_name = models_in_use.model_name
        and shown.model_version = models_in_use.model_version
where shown.model_version is not null and models_in_use.model_name is null
union all
select
    'shown_skill_is_that_of_the_version_in_use' as check_name,
    shown.model_name || ' ' || cast(shown.entity_id as string) as row_key
from shown
left join models_in_use
    on
        shown.model_name = models_in_use.model_name
        and shown.model_version = models_in_use.model_version
where shown.skill_state is distinct from models_in_use.skill_state
union all
select
    'each_live_row_is_predicted_or_none' as check_name,
    shown.model_name || ' ' || cast(shown.entity_id as string) as row_key
from shown
inner join predicting on shown.model_name = predicting.model_name
where shown.probability is null
union all
select
    'one_version_serves_a_model' as check_name,
    model_name as row_key
from served
where version_count > 1
union all
select
    'reason_is_of_its_prediction' as check_name,
    prediction_id as row_key
from reasons
where made_id is not null and (model_version <> made_version or entity_id <> made_entity_id)
