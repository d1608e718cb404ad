-- How many open milestones have which recommendation, and how much would their approval pay?
select
    recommendation,
    count(*) as milestone_count,
    sum(release_amount) as release_amount,
    sum(expected_loss_amount) as expected_loss_amount
from {{ ref('release_decisions') }}
group by recommendation
order by release_amount desc, recommendation asc
