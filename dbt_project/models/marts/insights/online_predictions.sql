-- What was asked online, beside the batch: both give one number of a snapshot. It is all that was
-- ever asked, whatever AS_OF is now: an answer stays when its snapshot is gone.
with

predictions as (
    select
        model_name,
        model_version,
        entity_id,
        snapshot_at,
        origin,
        arg_max(predicted_probability, predicted_at) as predicted_probability
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
        coalesce(batch.model_name, online.model_name) as model_name,
        coalesce(batch.model_version, online.model_version) as model_version,
        coalesce(batch.snapshot_at, online.snapshot_at) as as_of,
        case when batch.predicted_probability <> online.predicted_probability then 1 end
            as difference
    from batch
    full outer join online
        on
            batch.model_name = online.model_name
            and batch.model_version = online.model_version
            and batch.entity_id = online.entity_id
            and batch.snapshot_at = online.snapshot_at
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
