-- ledger per project and balances per backer are computed apart: they agree in all four sums
with

by_backer as (
    select
        project_id,
        sum(pledged_amount) as pledged_amount,
        sum(released_amount) as released_amount,
        sum(refunded_amount) as refunded_amount,
        sum(held_amount) as held_amount,
        min(least(pledged_amount, released_amount, refunded_amount, held_amount)) as smallest_amount
    from {{ ref('backer_balances') }}
    group by project_id
),

by_project as (
    select * from {{ ref('escrow_balances') }}
)

select by_project.project_id
from by_project
left join by_backer on by_project.project_id = by_backer.project_id
where
    by_project.pledged_amount <> coalesce(by_backer.pledged_amount, 0)
    or by_project.released_amount <> coalesce(by_backer.released_amount, 0)
    or by_project.refunded_amount <> coalesce(by_backer.refunded_amount, 0)
    or by_project.held_amount <> coalesce(by_backer.held_amount, 0)
    or by_backer.smallest_amount < 0
