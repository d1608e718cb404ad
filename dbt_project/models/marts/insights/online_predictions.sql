-- What was asked online, beside the batch: both give one number of a snapshot. It is all that was
-- ever asked, whatever AS_OF is now: an answer stays when its snapshot is gone. What nobody asked
-- about has no row, so that the table does not depend on which runs came before.
with

predictions as (
    select
        model_name,
        model_version,
        entity_id,
        snapshot_at,
        origin,
        max_by(predicted_probability, predicted_at) as predicted_probability
    from {{ source('ml', 'predictions') }}
    where snapshot_kind = 'current'
    group by model_name, model_version, entity_id, snapshot_at, origin
),

batch as (
    select * from predictions
    where origin = 'batch'
),

online as (
    select * from predictions
    where origin = 'online'
),

beside as (
    select
        batch.entity_id as batch_entity_id,
        online.entity_id as online_entity_id,
        online.model_name,
        online.model_version,
        online.snapshot_at as as_of,
        case when batch.predicted_probability <> online.predicted_probability then 1 end
            as difference
    from online
    left join batch
        on
            online.model_name = batch.model_name
            and online.model_version = batch.model_version
            and online.entity_id = batch.entity_id
            and online.snapshot_at = batch.snapshot_at
),

online_predictions as (
    select
        model_name,
        model_version,
        as_of,
        count(batch_entity_id) as batch_count,
        count(online_entity_id) as online_count,
        count(difference) as differing_count
    from beside
    group by model_name, model_version, as_of
)

select * from online_predictions
