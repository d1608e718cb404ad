-- How often were the predictions right, and what is still pending? Per model and prediction time.
select
    model_name,
    snapshot_kind,
    sum(prediction_count) as prediction_count,
    sum(matured_count) as matured_count,
    sum(pending_count) as pending_count,
    sum(accuracy * matured_count) / nullif(sum(matured_count), 0) as accuracy
from {{ ref('model_performance') }}
group by model_name, snapshot_kind
order by model_name, snapshot_kind
