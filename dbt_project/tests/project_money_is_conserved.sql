-- pledged = held + released + refunded, and nothing is held once a project is settled
with

balances as (
    select * from {{ ref('escrow_balances') }}
),

settled as (
    select * from {{ ref('int_projects_settled') }}
)

select
    balances.project_id,
    balances.held_amount
from balances
inner join settled on balances.project_id = settled.project_id
where
    balances.pledged_amount
    <> balances.held_amount + balances.released_amount + balances.refunded_amount
    or (
        balances.held_amount <> 0
        and (settled.refunded_at is not null or settled.approved_cents = settled.goal_cents)
    )
