-- How much money is planned for open milestones that will probably be late or rejected?
with

milestones as (
    select * from {{ ref('milestone_outlook') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
)

select
    projects.category,
    count(*) as open_milestone_count,
    sum(milestones.funding_amount) as funding_amount,
    sum(
        case when milestones.risk_probability >= 0.5 then milestones.funding_amount else 0 end
    ) as high_risk_amount
from milestones
inner join projects on milestones.project_id = projects.project_id
group by projects.category
order by high_risk_amount desc, projects.category asc
