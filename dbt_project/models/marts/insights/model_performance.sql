-- Batch predictions made on snapshots still open only: the outcome of the others was certain then,
-- and what is asked for often online must not weigh more.
with

-- what is live is predicted at every `AS_OF`: of one version, the newest counts
ranked as (
    select
        *,
        row_number() over (
            partition by entity_id, snapshot_kind, model_name, model_version
            order by snapshot_at desc
        ) as age
    from {{ ref('int_predictions_current') }}
    where not is_decided and origin = 'batch'
),

predictions as (
    select * from ranked
    where age = 1
),

-- by the planned timestamp of maturity: by the timestamp of knowing, early successes would flatter
projects as (
    select
        'project_success' as model_name,
        projects.project_id as entity_id,
        projects.deadline_at as matures_at,
        labels.is_successful as outcome
    from {{ ref('dim_projects') }} as projects
    left join {{ ref('project_labels') }} as labels on projects.project_id = labels.project_id
),

milestones as (
    select
        'milestone_risk' as model_name,
        milestones.milestone_id as entity_id,
        milestones.grace_ends_at as matures_at,
        labels.is_high_risk as outcome
    from {{ ref('fct_milestones') }} as milestones
    left join {{ ref('milestone_labels') }} as labels
        on milestones.milestone_id = labels.milestone_id
),

entities as (
    select * from projects
    union all
    select * from milestones
),

-- an outcome known early (a cancellation, an early approval) waits for its peers: a week that is
-- still open would otherwise consist of such outcomes alone
matured as (
    select
        model_name,
        entity_id,
        matures_at,
        case when matures_at <= {{ as_of() }} then outcome end as outcome
    from entities
),

met as (
    select
        predictions.model_name,
        predictions.model_version,
        predictions.snapshot_kind,
        cast(date_trunc('week', matured.matures_at) as date) as cohort_week,
        predictions.predicted_probability,
        predictions.predicted_label,
        matured.outcome,
        -- summed as decimals: a sum of floats depends on the order of the rows
        {{ as_decimal('predictions.predicted_probability', 15) }} as probability,
        {{ as_decimal(
            'greatest(predictions.predicted_probability, 1 - predictions.predicted_probability)', 15
        ) }} as expected_accuracy,
        case when matured.outcome then 1 when not matured.outcome then 0 end as outcome_value
    from predictions
    inner join matured
        on
            predictions.model_name = matured.model_name
            and predictions.entity_id = matured.entity_id
),

measured as (
    select
        model_name,
        model_version,
        snapshot_kind,
        cohort_week,
        count(*) as prediction_count,
        count(outcome) as matured_count,
        count(*) - count(outcome) as pending_count,
        {{ ratio('sum(case when predicted_label = outcome then 1 else 0 end)', 'count(outcome)') }}
            as accuracy,
        -- squared as a product: the last digit of a power depends on the library that computes it
        {{ ratio(
            'sum('
            ~ as_decimal(
                '(predicted_probability - outcome_value) * (predicted_probability - outcome_value)',
                15
            ) ~ ')',
            'count(outcome)'
        ) }} as brier_score,
        {{ ratio('sum(case when outcome is not null then probability end)', 'count(outcome)') }}
            as mean_predicted_probability,
        {{ ratio('sum(outcome_value)', 'count(outcome)') }} as base_rate,
        {{ ratio(
            'sum(case when outcome is not null then expected_accuracy end)', 'count(outcome)'
        ) }} as matured_estimated_accuracy,
        {{ ratio(
            'sum(case when outcome is null then expected_accuracy end)',
            '(count(*) - count(outcome))'
        ) }} as pending_estimated_accuracy,
        {{ ratio(
            'sum(case when outcome is null then '
            ~ as_decimal('predicted_probability * (1 - predicted_probability)', 15) ~ ' end)',
            '(count(*) - count(outcome))'
        ) }} as pending_estimated_brier_score
    from met
    group by model_name, model_version, snapshot_kind, cohort_week
),

model_performance as (
    select
        model_name,
        model_version,
        snapshot_kind,
        cohort_week,
        prediction_count,
        matured_count,
        pending_count,
        accuracy,
        brier_score,
        mean_predicted_probability,
        base_rate,
        matured_estimated_accuracy,
        pending_estimated_accuracy,
        pending_estimated_brier_score,
        -- one row per entity, so they count as independent
        {{ wilson_low('accuracy', 'matured_count') }} as accuracy_low,
        {{ wilson_high('accuracy', 'matured_count') }} as accuracy_high,
        greatest(base_rate, 1 - base_rate) as majority_guess
    from measured
)

select * from model_performance
