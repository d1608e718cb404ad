-- Which backers have the most money in escrow, and in how many projects?
select
    backer_id,
    count(*) as project_count,
    sum(pledged_amount) as pledged_amount,
    sum(held_amount) as held_amount
from {{ ref('backer_balances') }}
where held_amount > 0
group by backer_id
order by held_amount desc, backer_id asc
limit 20
