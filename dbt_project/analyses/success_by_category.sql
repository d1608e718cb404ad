-- Which share of projects reaches its goal, by category? Projects whose campaign is over.
select
    category,
    count(*) as finished_project_count,
    sum(case when is_successful then 1 else 0 end) as successful_project_count,
    avg(case when is_successful then 1.0 else 0.0 end) as success_ratio,
    sum(pledged_amount) as pledged_amount
from {{ ref('dim_projects') }}
where is_successful is not null
group by category
order by success_ratio desc, category asc
