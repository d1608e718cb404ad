-- The predictions that count, of snapshots that are still there: corrected data may have lost some.
-- What was live at an earlier AS_OF has no snapshot any more. Of what is live at AS_OF, a model
-- that failed has no predictions.
with

predictions as (
    select * from {{ ref('stg_predictions') }}
),

failed as (
    select distinct unit as model_name from {{ ref('stg_failures') }}
    where stage in ('train', 'predict')
),

snapshots as (
    select
        'project_success' as model_name,
        project_id as entity_id,
        snapshot_kind,
        snapshot_at
    from {{ ref('project_features') }}
    union all
    select
        'milestone_risk' as model_name,
        milestone_id as entity_id,
        snapshot_kind,
        snapshot_at
    from {{ ref('milestone_features') }}
)

select
    predictions.run_id,
    predictions.prediction_id,
    predictions.model_name,
    predictions.model_version,
    predictions.entity_id,
    predictions.as_of,
    predictions.snapshot_at,
    predictions.snapshot_kind,
    predictions.predicted_probability,
    predictions.predicted_label,
    predictions.predicted_at,
    predictions.origin,
    predictions.is_decided
from predictions
left join snapshots
    on
        predictions.model_name = snapshots.model_name
        and predictions.entity_id = snapshots.entity_id
        and predictions.snapshot_kind = snapshots.snapshot_kind
        and predictions.snapshot_at = snapshots.snapshot_at
left join failed on predictions.model_name = failed.model_name
where
    (
        snapshots.entity_id is not null
        and (predictions.snapshot_kind <> 'current' or failed.model_name is null)
    )
    or (predictions.snapshot_kind = 'current' and predictions.snapshot_at < {{ as_of() }})
