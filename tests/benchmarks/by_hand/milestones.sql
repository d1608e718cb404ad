-- The labels and features.milestone_features by hand, after features.sql.
create table project_labels as
select
    project_id, ok as is_successful, known_at as outcome_known_at,
    greatest(known_at, deadline_at) as label_window_ends_at
from outcomes where known_at is not null;

create table milestone_labels as
select
    milestone_id, coalesce(approved_at > grace_at, true) as is_high_risk,
    if(resolved_at <= grace_at, resolved_at, greatest(started_at, grace_at)) as outcome_known_at,
    greatest(outcome_known_at, grace_at) as label_window_ends_at
from (select *, due_at + interval 14 day as grace_at from steps)
where resolved_at <= grace_at or grace_at <= {as_of};

-- 1 plus a quotient near -1 loses digits, so this divides as ours does
create temp macro days(earlier, later) as (epoch_us(later) - epoch_us(earlier)) / 86400000000;

create temp table asked as
from (
    select
        *, unnest(['start', 'due', 'vote_1d', 'vote_3d', 'current']) as snapshot_kind,
        unnest([
            started_at, if(due_at > started_at, due_at, null), submitted_at + interval 1 day,
            submitted_at + interval 3 day,
            if(resolved_at is null and due_at + interval 180 day > {as_of}, {as_of}, null)
        ]) as snapshot_at
    from steps
)
where snapshot_at <= {as_of};

create temp view resolutions as
select creator_id, resolved_at as known_at, resolution = 'rejected' as ok from steps;

create table milestone_features as
with counted as (
    select
        milestone_id, snapshot_kind, count(*) as votes, count(*) filter (is_approval) as approvals,
        min(voted_at) as first_at
    from asked join '{raw}/votes.parquet' using (milestone_id) where voted_at < snapshot_at group by all
)
select
    milestone_id, project_id, snapshot_kind, snapshot_at,
    coalesce(resolved_at < snapshot_at, false) or due_at + interval 14 day <= snapshot_at as is_decided,
    funding_amount, funding_amount * 100 / goal as funding_share_ratio, milestone_number, milestone_count,
    days(coalesce(previous_due_at, deadline_at), due_at) as planned_days,
    days(due_at, snapshot_at) as days_past_due,
    greatest(-1, least(2, 1 + days(due_at, started_at) / planned_days)) as late_start_ratio,
    total / goal as overfunding_ratio, p.ok / p.n as project_on_time_ratio, c.ok / c.n as creator_on_time_ratio,
    r.ok / r.n as creator_rejection_ratio, coalesce(submitted_at < snapshot_at, false) as is_submitted,
    if(is_submitted, days(submitted_at, snapshot_at), null) as days_since_submission,
    coalesce(votes, 0) as vote_count, approvals / votes as approval_ratio,
    if(votes > 0, greatest(-2, least(2, (2 * approvals - votes) / sqrt(votes))), null) as approval_z_score,
    coalesce(votes, 0) / everyone as turnout_ratio, hours(submitted_at, first_at) as hours_to_first_vote,
    release_strategy
from asked as a left join counted using (milestone_id, snapshot_kind)
asof left join past('deliveries', project_id) as p on a.project_id = p.by_value and snapshot_at > p.known_at
asof left join past('deliveries', creator_id) as c on a.creator_id = c.by_value and snapshot_at > c.known_at
asof left join past('resolutions', creator_id) as r on a.creator_id = r.by_value and snapshot_at > r.known_at;
