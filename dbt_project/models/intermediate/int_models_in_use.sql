-- The log's newest row says which version serves; a model that was skipped last serves none.
with

model_runs as (
    select * from {{ ref('stg_model_runs') }}
),

ranked as (
    select
        model_name,
        model_version,
        status,
        row_number() over (
            partition by model_name order by trained_at desc, run_id desc
        ) as recency
    from model_runs
),

models_in_use as (
    select
        model_name,
        model_version
    from ranked
    where recency = 1 and status = 'trained'
)

select * from models_in_use
