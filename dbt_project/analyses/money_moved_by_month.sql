-- How much money was paid in, released and refunded each month?
select
    transaction_type,
    date_trunc('month', occurred_at) as month_at,
    count(*) as transaction_count,
    sum(amount) as amount
from {{ ref('fct_escrow_transactions') }}
group by date_trunc('month', occurred_at), transaction_type
order by month_at, transaction_type
