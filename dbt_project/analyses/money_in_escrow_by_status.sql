-- How much money is in escrow, by the status of the project?
with

projects as (
    select * from {{ ref('dim_projects') }}
),

balances as (
    select * from {{ ref('escrow_balances') }}
)

select
    projects.project_status,
    count(*) as project_count,
    sum(balances.pledged_amount) as pledged_amount,
    sum(balances.released_amount) as released_amount,
    sum(balances.refunded_amount) as refunded_amount,
    sum(balances.held_amount) as held_amount
from balances
inner join projects on balances.project_id = projects.project_id
group by projects.project_status
order by held_amount desc, projects.project_status asc
