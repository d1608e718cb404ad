-- Which version served at each timestamp that was decided for: the champion, or nothing when the
-- model was skipped.
select * from {{ ref('stg_model_runs') }}
where is_champion or status = 'skipped'
