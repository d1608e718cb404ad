with

predictions as (
    select prediction_id from {{ ref('int_predictions_current') }}
    union all
    select prediction_id from {{ ref('stg_final_amount') }}
),

inputs as (
    select * from {{ source('ml', 'prediction_inputs') }}
    where prediction_id in (select predictions.prediction_id from predictions)
)

select
    prediction_id,
    feature_values
from inputs
