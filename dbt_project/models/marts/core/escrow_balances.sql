with

projects as (
    select project_id from {{ ref('stg_projects') }}
),

transactions as (
    select * from {{ ref('fct_escrow_transactions') }}
),

summed as (
    select
        project_id,
        sum(case when transaction_type = 'deposit' then amount else 0 end) as pledged_amount,
        sum(case when transaction_type = 'release' then amount else 0 end) as released_amount,
        sum(case when transaction_type = 'refund' then amount else 0 end) as refunded_amount
    from transactions
    group by project_id
),

escrow_balances as (
    select
        projects.project_id,
        cast(coalesce(summed.pledged_amount, 0) as decimal(18, 2)) as pledged_amount,
        cast(coalesce(summed.released_amount, 0) as decimal(18, 2)) as released_amount,
        cast(coalesce(summed.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
        cast(
            coalesce(summed.pledged_amount - summed.released_amount - summed.refunded_amount, 0)
            as decimal(18, 2)
        ) as held_amount
    from projects
    left join summed on projects.project_id = summed.project_id
)

select * from escrow_balances
