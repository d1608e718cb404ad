-- The sum of a project's money by backer: shared by the ledger, the features and the turnout.
with

pledges as (
    select * from {{ ref('stg_pledges') }}
),

pledges_grouped_by_backer as (
    select
        project_id,
        backer_id,
        count(*) as pledge_count,
        cast(sum({{ to_cents('amount') }}) as bigint) as pledged_cents,
        min(pledged_at) as first_pledged_at
    from pledges
    group by project_id, backer_id
)

select * from pledges_grouped_by_backer
