-- The three largest contributions to a prediction, as text; or that its outcome is known.
with

reasons as (
    select
        prediction_id,
        reason_rank,
        case
            when feature = '(known outcome)' then 'known outcome: ' || feature_value
            else
                feature || ' = ' || coalesce(feature_value, 'unknown')
                || case when contribution > 0 then ' (+' else ' (' end
                || cast({{ as_decimal('contribution', 3) }} as string) || ')'
        end as words
    from {{ ref('stg_prediction_reasons') }}
    where
        reason_rank between 1 and 3
        and (feature not like '(%' or feature = '(known outcome)')
        and contribution <> 0
),

prediction_reasons_ranked as (
    select
        prediction_id,
        max(case when reason_rank = 1 then words end)
        || coalesce('; ' || max(case when reason_rank = 2 then words end), '')
        || coalesce('; ' || max(case when reason_rank = 3 then words end), '') as reasons
    from reasons
    group by prediction_id
)

select * from prediction_reasons_ranked
