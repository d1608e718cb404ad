-- The three features that moved a prediction most, in words.
with

reasons as (
    select
        prediction_id,
        reason_rank,
        feature || ' = ' || coalesce(feature_value, 'unknown')
        || case when contribution > 0 then ' raises it' else ' lowers it' end as words
    from {{ ref('stg_prediction_reasons') }}
    where reason_rank between 1 and 3 and feature not like '(%' and contribution <> 0
),

told as (
    select
        prediction_id,
        max(case when reason_rank = 1 then words end)
        || coalesce('; ' || max(case when reason_rank = 2 then words end), '')
        || coalesce('; ' || max(case when reason_rank = 3 then words end), '') as reasons
    from reasons
    group by prediction_id
)

select * from told
