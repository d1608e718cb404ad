-- How much of a project's money comes within its first day? Successful projects against the others.
with

pledges as (
    select * from {{ ref('fct_pledges') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
)

select
    projects.is_successful,
    count(distinct projects.project_id) as project_count,
    sum(pledges.amount) as pledged_amount,
    sum(
        case
            when pledges.pledged_at < projects.launched_at + interval '1' day then pledges.amount
            else 0
        end
    ) as first_day_amount
from projects
inner join pledges on projects.project_id = pledges.project_id
where projects.is_successful is not null
group by projects.is_successful
order by projects.is_successful desc
