-- Which live projects will probably miss their goal?
select
    project_id,
    title,
    creator_name,
    funding_goal,
    pledged_amount,
    funding_ratio,
    days_left,
    success_probability
from {{ ref('project_outlook') }}
where
    not is_decided
    and (success_probability is null or success_probability < 0.5)
order by success_probability asc nulls last, project_id asc
