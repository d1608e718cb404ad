-- Which share of projects reaches its goal, by category? Projects whose deadline has passed.
-- What was cancelled before its deadline waits for it: the others of its time are still open.
select
    projects.category,
    count(*) as finished_project_count,
    sum(case when projects.is_successful then 1 else 0 end) as successful_project_count,
    avg(case when projects.is_successful then 1.0 else 0.0 end) as success_ratio,
    sum(projects.pledged_amount) as pledged_amount
from {{ ref('dim_projects') }} as projects
inner join {{ ref('warehouse_as_of') }} as built
    on projects.deadline_at <= built.as_of
group by projects.category
order by success_ratio desc, projects.category asc
