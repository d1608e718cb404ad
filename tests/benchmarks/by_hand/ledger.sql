-- core.fct_escrow_transactions and core.escrow_balances by hand, after features.sql: money is exact, in cents.
create temp macro released(backer, approved, goal) as (2 * backer * approved + goal) // (2 * goal);

create temp table approvals as
select
    milestone_id, project_id, approved_at, goal, cast(funding_amount * 100 as bigint) as part,
    cast(sum(funding_amount * 100) over (partition by project_id order by milestone_number) as bigint) as so_far
from steps where approved_at is not null;

create temp table endings as
with stopped as (
    select project_id, milestone_id, coalesce(resolved_at, due_at + interval 180 day) as stopped_at
    from steps where if(resolved_at is null, due_at + interval 180 day <= {as_of}, resolution = 'rejected')
)
select project_id, milestone_id, if(ok, stopped_at, known_at) as ended_at, goal, coalesce(so_far, 0) as approved
from outcomes left join stopped using (project_id)
left join (select project_id, max(so_far) as so_far from approvals group by all) using (project_id)
where if(ok, stopped_at, known_at) is not null;

create table fct_escrow_transactions as
select
    'deposit-' || pledge_id as transaction_id, 'deposit' as transaction_type, project_id, backer_id,
    cast(null as bigint) as milestone_id, amount, pledged_at as occurred_at
from '{raw}/pledges.parquet' where pledged_at < {as_of}
union all
select
    'release-' || milestone_id, 'release', project_id, null, milestone_id,
    cast(sum(released(cents, so_far, goal) - released(cents, so_far - part, goal)) as decimal(18, 0)) * 0.01,
    approved_at
from approvals join firsts using (project_id) group by project_id, milestone_id, approved_at
union all
select 'refund-' || project_id || '-' || backer_id, 'refund', project_id, backer_id, milestone_id,
    cast(cents - released(cents, approved, goal) as decimal(18, 0)) * 0.01 as amount, ended_at
from endings join firsts using (project_id) where amount > 0;

create table escrow_balances as
select
    project_id, coalesce(sum(amount) filter (transaction_type = 'deposit'), 0) as pledged_amount,
    coalesce(sum(amount) filter (transaction_type = 'release'), 0) as released_amount,
    coalesce(sum(amount) filter (transaction_type = 'refund'), 0) as refunded_amount,
    pledged_amount - released_amount - refunded_amount as held_amount
from projects left join fct_escrow_transactions using (project_id) group by project_id;
