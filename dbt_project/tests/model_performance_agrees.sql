-- Performance counts predictions that were made, and outcomes that have come.
with

as_of as (
    select as_of from {{ ref('warehouse_as_of') }}
),

performance as (
    select * from {{ ref('model_performance') }}
),

counted as (
    select
        model_name,
        model_version,
        snapshot_kind,
        sum(prediction_count) as prediction_count
    from performance
    group by model_name, model_version, snapshot_kind
),

made as (
    select
        model_name,
        model_version,
        snapshot_kind,
        count(*) as prediction_count
    from {{ ref('stg_predictions') }}
    where not is_decided and origin = 'batch'
    group by model_name, model_version, snapshot_kind
),

outcomes as (
    select
        (select count(*) from {{ ref('project_labels') }}) as project_success,
        (select count(*) from {{ ref('milestone_labels') }}) as milestone_risk
)

select
    'matured_and_pending_are_all_predictions' as check_name,
    model_name || ' ' || model_version || ' ' || cast(cohort_week as string) as row_key
from performance
where prediction_count <> matured_count + pending_count or matured_count < 0 or pending_count < 0
union all
select
    'no_more_predictions_mature_than_were_made' as check_name,
    counted.model_name || ' ' || counted.model_version || ' ' || counted.snapshot_kind as row_key
from counted
left join made
    on
        counted.model_name = made.model_name
        and counted.model_version = made.model_version
        and counted.snapshot_kind = made.snapshot_kind
where counted.prediction_count > coalesce(made.prediction_count, 0)
union all
select
    'nothing_has_matured_after_as_of' as check_name,
    performance.model_name || ' ' || cast(performance.cohort_week as string) as row_key
from performance
cross join as_of
where performance.matured_count > 0 and cast(performance.cohort_week as timestamp) > as_of.as_of
union all
select
    'no_more_have_matured_than_have_labels' as check_name,
    performance.model_name || ' ' || cast(performance.cohort_week as string) as row_key
from performance
cross join outcomes
where
    performance.matured_count > case
        when performance.model_name = 'project_success' then outcomes.project_success
        else outcomes.milestone_risk
    end
union all
select
    'figures_exactly_where_something_has_matured' as check_name,
    model_name || ' ' || model_version || ' ' || cast(cohort_week as string) as row_key
from performance
where
    (accuracy is null) <> (matured_count = 0)
    or (brier_score is null) <> (matured_count = 0)
    or (base_rate is null) <> (matured_count = 0)
    or (pending_estimated_accuracy is null) <> (pending_count = 0)
union all
select
    'figures_lie_between_0_and_1' as check_name,
    model_name || ' ' || model_version || ' ' || cast(cohort_week as string) as row_key
from performance
where
    least(accuracy, brier_score, base_rate, mean_predicted_probability) < 0
    or greatest(accuracy, brier_score, base_rate, mean_predicted_probability) > 1
union all
select
    'accuracy_is_a_count_over_the_matured' as check_name,
    model_name || ' ' || model_version || ' ' || cast(cohort_week as string) as row_key
from performance
where
    abs(accuracy * matured_count - round(accuracy * matured_count)) > 1e-6
    or abs(base_rate * matured_count - round(base_rate * matured_count)) > 1e-6
