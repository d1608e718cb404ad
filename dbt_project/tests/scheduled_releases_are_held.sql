-- What an approval would release lies in escrow, and nothing stays there after the last one.
select
    milestones.milestone_id,
    releases.release_cents,
    balances.held_amount
from {{ ref('int_release_schedule') }} as releases
inner join {{ ref('fct_milestones') }} as milestones
    on releases.milestone_id = milestones.milestone_id
inner join {{ ref('escrow_balances') }} as balances
    on milestones.project_id = balances.project_id
where
    releases.release_cents < 0
    or (
        milestones.milestone_status in ('open', 'submitted')
        and {{ to_amount('releases.release_cents') }} > balances.held_amount
    )
