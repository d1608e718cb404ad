-- The newest champion serves, until a later run skips the model. Runs made for a later moment than
-- this warehouse's know too much; rows of a backtest never serve.
with

model_runs as (
    select * from {{ ref('stg_model_runs') }}
    where status <> 'backtest' and as_of <= {{ as_of() }}
),

-- what was recorded before there were champions was in use
deciding as (
    select
        model_name,
        model_version,
        status,
        row_number() over (
            partition by model_name order by trained_at desc, run_id desc
        ) as recency
    from model_runs
    where coalesce(is_champion, true) or status = 'skipped'
),

models_in_use as (
    select
        model_name,
        model_version
    from deciding
    where recency = 1 and status <> 'skipped'
)

select * from models_in_use
