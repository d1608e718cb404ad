-- A small warehouse in good health, in the column types of the marts: $scale times 200 projects,
-- launched every five days of the 1,000 days before AS_OF (the last of them still live). The
-- figures are plausible, not computed by the rules of the marts: what is under test is the gate.
create schema core;
create schema features;

create table core.warehouse_as_of as select timestamp '2024-01-01 00:00:00' as as_of;

create table core.dim_creators as
select
    creator_id::bigint as creator_id,
    'Creator ' || creator_id as display_name,
    case creator_id % 4 when 0 then 'DE' when 1 then 'US' when 2 then 'FR' end as country,
    timestamp '2020-01-01' as joined_at
from range(1, 50 * $scale + 1) as creators (creator_id);

create table core.dim_backers as
select
    backer_id::bigint as backer_id,
    case backer_id % 4 when 0 then 'DE' when 1 then 'US' when 2 then 'FR' end as country,
    timestamp '2020-01-01' as joined_at
from range(1, 500 * $scale + 1) as backers (backer_id);

create temp table plans as
select
    number,
    number::bigint as project_id,
    (1 + number % (50 * $scale))::bigint as creator_id,
    'Category ' || number % 8 as category,
    case number % 3 when 0 then 'DE' when 1 then 'US' end as country,
    (1000 + 500 * (number % 20))::decimal(18, 2) as funding_goal,
    launched_at,
    launched_at + to_days((20 + number % 21)::integer) as deadline_at,
    number % 10 < 4 as reaches_goal,
    number % 25 = 24 as is_cancelled
from (
    select
        number,
        timestamp '2024-01-01'
        - to_microseconds((86400000000 * 5 * (200 * $scale - number + 1) / $scale)::bigint)
            as launched_at
    from range(1, 200 * $scale + 1) as numbers (number)
);

-- Forty pledges for those who reach their goal, ten for the others; most come early.
create table core.fct_pledges as
select
    row_number() over (order by project_id, step)::bigint as pledge_id,
    project_id,
    (1 + (project_id * 37 + step * (step + 7)) % (500 * $scale))::bigint as backer_id,
    (case when reaches_goal then (1.1 + project_id % 9 / 10.0) * funding_goal / 40 else 0.2 * funding_goal / 10 end
        * (0.6 + 0.8 * (step % 10) / 9.0))::decimal(18, 2) as amount,
    launched_at
    + to_microseconds((power(step / 41.0, 2) * 86400000000 * (20 + number % 21))::bigint)
        as pledged_at
from plans, range(1, 41) as steps (step)
where step <= case when reaches_goal then 40 else 10 end
    and launched_at + to_microseconds(
        (power(step / 41.0, 2) * 86400000000 * (20 + number % 21))::bigint
    ) < timestamp '2024-01-01';

create table core.fct_experiment_exposures as
select
    pledge_id as exposure_id,
    'goal_banner' as experiment,
    case pledge_id % 2 when 0 then 'control' else 'treatment' end as variant,
    backer_id,
    project_id,
    pledged_at - interval '1' minute as exposed_at,
    pledge_id
from core.fct_pledges
where pledge_id % 10 = 0;

create table core.dim_projects as
with totals as (
    select
        project_id,
        sum(amount)::decimal(18, 2) as pledged_amount,
        count(*) as pledge_count,
        count(distinct backer_id) as backer_count
    from core.fct_pledges
    group by project_id
),

states as (
    select
        plans.*,
        coalesce(totals.pledged_amount, 0)::decimal(18, 2) as pledged_amount,
        coalesce(totals.pledge_count, 0) as pledge_count,
        coalesce(totals.backer_count, 0) as backer_count,
        case when is_cancelled then deadline_at - interval '1' day end as cancelled_at,
        case
            when is_cancelled and deadline_at - interval '1' day < timestamp '2024-01-01'
                then 'cancelled'
            when deadline_at > timestamp '2024-01-01' then 'live'
            when totals.pledged_amount >= funding_goal then 'successful'
            else 'failed'
        end as project_status
    from plans
    left join totals using (project_id)
)

select
    project_id,
    creator_id,
    'Project ' || project_id as title,
    category,
    country,
    funding_goal,
    launched_at,
    deadline_at,
    case when project_status = 'cancelled' then cancelled_at end as cancelled_at,
    case project_id % 4
        when 0 then 'equal_tranches' when 1 then 'front_loaded' when 2 then 'back_loaded'
        else 'holdback_20'
    end as release_strategy,
    pledged_amount,
    pledge_count,
    backer_count,
    project_status,
    case when project_status <> 'live' then project_status = 'successful' end as is_successful,
    case project_status
        when 'live' then null when 'cancelled' then cancelled_at else deadline_at
    end as outcome_known_at,
    case when project_status = 'successful' then deadline_at end as funded_at
from states;

create temp table schedule as
select
    (project_id * 10 + number)::bigint as milestone_id,
    project_id,
    number::bigint as milestone_number,
    (funding_goal / 4)::decimal(18, 2) as funding_amount,
    deadline_at + to_days((45 * number)::integer) as due_at,
    project_status,
    deadline_at,
    (project_id + number) % 5 as fate
from core.dim_projects, range(1, 5) as numbers (number);

-- Each milestone is open for some 40 days; fate 0 is late, the others are approved before it is due.
create table core.fct_milestones as
with events as (
    select
        *,
        due_at - to_days((40 + milestone_id % 6)::integer) as started_at,
        due_at - interval '10' day as submitted_at,
        due_at + case when fate = 0 then interval '20' day else -interval '3' day end
            as resolved_at
    from schedule
)

select
    milestone_id,
    project_id,
    milestone_number,
    'Milestone ' || milestone_number as title,
    funding_amount,
    due_at,
    case
        when project_status = 'successful' and submitted_at < timestamp '2024-01-01'
            then submitted_at
    end as submitted_at,
    case
        when project_status = 'successful' and resolved_at < timestamp '2024-01-01'
            then resolved_at
    end as resolved_at,
    case
        when project_status = 'successful' and resolved_at < timestamp '2024-01-01'
            then 'approved'
    end as resolution,
    due_at + interval '14' day as grace_ends_at,
    case
        when project_status = 'successful' and started_at <= timestamp '2024-01-01'
            then started_at
    end as started_at,
    case
        when project_status in ('failed', 'cancelled') then 'void'
        when project_status = 'live' or started_at > timestamp '2024-01-01' then 'planned'
        when resolved_at < timestamp '2024-01-01' then 'approved'
        when submitted_at < timestamp '2024-01-01' then 'submitted'
        else 'open'
    end as milestone_status
from events;

create table core.fct_votes as
select
    row_number() over (order by milestone_id, backer_id)::bigint as vote_id,
    milestone_id,
    backer_id,
    (milestone_id + backer_id) % 10 <> 0 as is_approval,
    voted_at
from (
    select
        fct_milestones.milestone_id,
        backers.backer_id,
        fct_milestones.submitted_at
        + to_hours((1 + backers.backer_id % 100)::integer) as voted_at
    from core.fct_milestones
    inner join (select distinct project_id, backer_id from core.fct_pledges) as backers
        using (project_id)
    where backers.backer_id % 5 < 2 and fct_milestones.submitted_at is not null
)
where voted_at < timestamp '2024-01-01';

create table core.fct_escrow_transactions as
select
    'deposit-' || pledge_id as transaction_id,
    'deposit' as transaction_type,
    project_id,
    backer_id,
    null::bigint as milestone_id,
    amount,
    pledged_at as occurred_at
from core.fct_pledges
union all
select
    'refund-' || pledge_id,
    'refund',
    fct_pledges.project_id,
    fct_pledges.backer_id,
    null,
    fct_pledges.amount,
    dim_projects.outcome_known_at
from core.fct_pledges
inner join core.dim_projects using (project_id)
where dim_projects.project_status in ('failed', 'cancelled')
union all
select
    'release-' || milestone_id,
    'release',
    fct_milestones.project_id,
    null,
    fct_milestones.milestone_id,
    (dim_projects.pledged_amount / 4 - 0.01)::decimal(18, 2),
    fct_milestones.resolved_at
from core.fct_milestones
inner join core.dim_projects using (project_id)
where fct_milestones.resolution = 'approved';

create table core.escrow_balances as
select
    *,
    (pledged_amount - released_amount - refunded_amount)::decimal(18, 2) as held_amount
from (
    select
        project_id,
        dim_projects.pledged_amount,
        coalesce(sum(amount) filter (transaction_type = 'release'), 0)::decimal(18, 2)
            as released_amount,
        coalesce(sum(amount) filter (transaction_type = 'refund'), 0)::decimal(18, 2)
            as refunded_amount
    from core.dim_projects
    left join core.fct_escrow_transactions using (project_id)
    group by project_id, dim_projects.pledged_amount
);

create table features.project_features as
with kinds (snapshot_kind, hours) as (
    values ('launch', 0), ('h4', 4), ('h36', 36), ('d3', 72), ('d6', 144), ('d14', 336), ('d21', 504)
),

snapshots as (
    select
        dim_projects.*,
        snapshot_kind,
        launched_at + to_hours(hours) as snapshot_at
    from core.dim_projects, kinds
    where launched_at + to_hours(hours) < deadline_at
        and launched_at + to_hours(hours) <= timestamp '2024-01-01'
    union all
    select dim_projects.*, 'current', timestamp '2024-01-01'
    from core.dim_projects
    where project_status = 'live'
),

campaigns as (
    select
        snapshots.project_id,
        snapshots.snapshot_kind,
        count(pledge_id) as pledge_count,
        count(distinct backer_id) as unique_backer_count,
        coalesce(sum(amount), 0)::decimal(18, 2) as pledged_amount,
        max(amount) as largest_amount,
        count(*) filter (pledged_at >= snapshot_at - interval '1' day) as pledge_count_last_24h,
        max(pledged_at) as last_pledge_at
    from snapshots
    left join core.fct_pledges
        on snapshots.project_id = fct_pledges.project_id and pledged_at < snapshot_at
    group by snapshots.project_id, snapshots.snapshot_kind
),

measured as (
    select
        snapshots.*,
        campaigns.pledge_count as count_so_far,
        unique_backer_count,
        campaigns.pledged_amount as amount_so_far,
        largest_amount,
        pledge_count_last_24h,
        date_diff('second', launched_at, snapshot_at) / 86400.0 as elapsed_days,
        date_diff('second', launched_at, deadline_at) / 86400.0 as duration_days,
        date_diff('second', last_pledge_at, snapshot_at) / 3600.0 as hours_since_last_pledge,
        campaigns.pledged_amount::double / funding_goal::double as funding_ratio,
        (project_id - 1) // (50 * $scale) as prior_project_count
    from snapshots
    inner join campaigns using (project_id, snapshot_kind)
)

select
    project_id,
    snapshot_kind,
    snapshot_at,
    amount_so_far >= funding_goal as is_decided,
    category,
    country,
    funding_goal,
    duration_days::double as duration_days,
    isodow(launched_at)::bigint as launch_weekday,
    month(launched_at)::bigint as launch_month,
    prior_project_count::bigint as prior_project_count,
    prior_project_count::bigint as prior_outcome_count,
    case when prior_project_count > 0 then project_id % 3 / 2.0 end::double
        as prior_success_ratio,
    case when prior_project_count > 1 then project_id % 4 / 3.0 end::double
        as prior_on_time_ratio,
    prior_project_count = 0 as is_first_time_creator,
    case when project_id > 10 then 0.3 + project_id % 5 / 20.0 end::double as category_base_rate,
    case when project_id > 10 then 0.2 + project_id % 7 / 10.0 end::double as reputation_score,
    (elapsed_days / duration_days)::double as elapsed_ratio,
    count_so_far::bigint as pledge_count,
    unique_backer_count::bigint as unique_backer_count,
    amount_so_far as pledged_amount,
    funding_ratio,
    (count_so_far / nullif(elapsed_days, 0))::double as funding_velocity,
    (funding_ratio * duration_days / nullif(elapsed_days, 0))::double as pace_ratio,
    (amount_so_far::double / nullif(count_so_far, 0))::double as average_pledge_amount,
    (largest_amount::double / nullif(amount_so_far, 0)::double)::double as largest_pledge_ratio,
    pledge_count_last_24h::bigint as pledge_count_last_24h,
    hours_since_last_pledge::double as hours_since_last_pledge,
    case when count_so_far > 0 then project_id % 10 / 10.0 end::double as repeat_backer_ratio
from measured;

create table features.milestone_features as
with snapshots as (
    select *, 'start' as snapshot_kind, started_at as snapshot_at
    from core.fct_milestones
    where started_at is not null
    union all
    select *, 'due', due_at
    from core.fct_milestones
    where started_at < due_at and due_at <= timestamp '2024-01-01'
    union all
    select *, 'vote_1d', submitted_at + interval '1' day
    from core.fct_milestones
    where submitted_at + interval '1' day <= timestamp '2024-01-01'
    union all
    select *, 'vote_3d', submitted_at + interval '3' day
    from core.fct_milestones
    where submitted_at + interval '3' day <= timestamp '2024-01-01'
    union all
    select *, 'current', timestamp '2024-01-01'
    from core.fct_milestones
    where started_at is not null and resolved_at is null
),

ballots as (
    select
        snapshots.milestone_id,
        snapshots.snapshot_kind,
        count(vote_id) as vote_count,
        avg(is_approval::integer) as approval_ratio,
        min(voted_at) as first_vote_at
    from snapshots
    left join core.fct_votes
        on snapshots.milestone_id = fct_votes.milestone_id and voted_at < snapshot_at
    group by snapshots.milestone_id, snapshots.snapshot_kind
)

select
    milestone_id,
    project_id,
    snapshot_kind,
    snapshot_at,
    coalesce(resolved_at < snapshot_at, false) or due_at + interval '14' day <= snapshot_at
        as is_decided,
    funding_amount,
    0.25::double as funding_share_ratio,
    milestone_number,
    4::bigint as milestone_count,
    (date_diff('second', started_at, due_at) / 86400.0)::double as planned_days,
    (date_diff('second', due_at, snapshot_at) / 86400.0)::double as days_past_due,
    0::double as late_start_ratio,
    (dim_projects.pledged_amount::double / funding_goal::double)::double as overfunding_ratio,
    case when milestone_number > 1 then project_id % 3 / 2.0 end::double as project_on_time_ratio,
    case when project_id > 50 then project_id % 4 / 3.0 end::double as creator_on_time_ratio,
    case when project_id > 50 then project_id % 5 / 10.0 end::double as creator_rejection_ratio,
    coalesce(submitted_at < snapshot_at, false) as is_submitted,
    case
        when submitted_at < snapshot_at
            then date_diff('second', submitted_at, snapshot_at) / 86400.0
    end::double as days_since_submission,
    vote_count::bigint as vote_count,
    approval_ratio::double as approval_ratio,
    case
        when vote_count > 0
            then greatest(-2, least(2, (2 * approval_ratio - 1) * sqrt(vote_count)))
    end::double as approval_z_score,
    (vote_count / nullif(backer_count, 0))::double as turnout_ratio,
    (date_diff('second', submitted_at, first_vote_at) / 3600.0)::double as hours_to_first_vote,
    release_strategy
from snapshots
inner join ballots using (milestone_id, snapshot_kind)
inner join core.dim_projects using (project_id);

create table features.project_labels as
select
    project_id,
    is_successful,
    outcome_known_at,
    greatest(outcome_known_at, deadline_at) as label_window_ends_at
from core.dim_projects
where outcome_known_at <= timestamp '2024-01-01';

create table features.milestone_labels as
select
    milestone_id,
    resolved_at is null or resolved_at > grace_ends_at as is_high_risk,
    least(coalesce(resolved_at, grace_ends_at), grace_ends_at) as outcome_known_at,
    greatest(grace_ends_at, outcome_known_at) as label_window_ends_at
from core.fct_milestones
where started_at is not null
    and least(coalesce(resolved_at, grace_ends_at), grace_ends_at) <= timestamp '2024-01-01';
