-- neither a project's movement nor, inside a release, any backer's part of it runs backwards
select
    transaction_id,
    amount
from {{ ref('fct_escrow_transactions') }}
where amount <= 0
union all
select
    'release-' || cast(milestone_id as string) as transaction_id,
    {{ to_amount('smallest_backer_cents') }} as amount
from {{ ref('int_release_schedule') }}
where smallest_backer_cents < 0
