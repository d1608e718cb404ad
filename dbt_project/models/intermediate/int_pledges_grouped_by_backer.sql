-- The sum of a project's money by backer, for the ledger: features need none of it.
with

pledges as (
    select * from {{ ref('stg_pledges') }}
),

pledges_grouped_by_backer as (
    select
        project_id,
        backer_id,
        cast(sum({{ to_cents('amount') }}) as bigint) as pledged_cents
    from pledges
    group by project_id, backer_id
)

select * from pledges_grouped_by_backer
