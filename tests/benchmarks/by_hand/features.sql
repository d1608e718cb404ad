-- features.project_features by hand, in DuckDB: {raw} is a folder, {as_of} a timestamp, {columns} are FORMULAS;
-- {money} is what the ledger needs beside them.
create temp table projects as
select *, cast(funding_goal * 100 as bigint) as goal
from (
    select * replace (case when cancelled_at < {as_of} then cancelled_at end as cancelled_at)
    from '{raw}/projects.parquet' where launched_at < {as_of}
);

create temp macro hours(earlier, later) as (epoch_us(later) - epoch_us(earlier)) / 3600000000;
create temp macro part_of(age) as
    1 + (age >= 4) ::int + (age >= 36) ::int + (age >= 72) ::int + (age >= 144) ::int
    + (age >= 336) ::int + (age >= 504) ::int;

create temp table firsts as
select project_id, backer_id, min(pledged_at) as first_at {money}
from '{raw}/pledges.parquet' where pledged_at < {as_of} group by project_id, backer_id;

create temp table parts as
with aged as (
    select project_id, amount, pledged_at, hours(launched_at, pledged_at) as age
    from '{raw}/pledges.parquet' join projects using (project_id) where pledged_at < {as_of}
),
sums as (
    select
        project_id, part_of(age) as part, count(*) as pledges, sum(amount) as amount, max(amount) as largest,
        max(pledged_at) as last_at, count(*) filter (pledged_at >= {as_of} - interval 24 hour) as recent,
        count(*) filter (age >= [4, 36, 72, 144, 336, 504, null][part_of(age)] - 24) as last_day
    from aged group by all
),
platform as (select backer_id, min(first_at) as ever_at from firsts group by all),
backers as (
    select
        project_id, part_of(hours(launched_at, first_at)) as part, count(*) as backers,
        count(*) filter (ever_at < first_at) as repeaters
    from firsts join platform using (backer_id) join projects using (project_id) group by all
),
kinds(part, snapshot_kind, after) as (
    values (0, 'launch', 0), (1, 'h4', 4), (2, 'h36', 36), (3, 'd3', 72), (4, 'd6', 144), (5, 'd14', 336),
        (6, 'd21', 504), (7, 'current', null)
)
select
    project_id, snapshot_kind, coalesce(launched_at + to_hours(after), {as_of}) as snapshot_at,
    max(last_at) over so_far as last_at, coalesce(sum(pledges) over so_far, 0) as pledges,
    coalesce(cast(sum(amount) over so_far * 100 as bigint), 0) as amount,
    coalesce(max(largest) over so_far * 100, 0) as largest,
    coalesce(sum(backers) over so_far, 0) as backers, coalesce(sum(repeaters) over so_far, 0) as repeaters,
    coalesce(if(part = 7, sum(recent) over so_far, last_day), 0) as last_day
from projects cross join kinds
left join sums using (project_id, part) left join backers using (project_id, part)
window so_far as (partition by project_id order by part);

create temp table outcomes as
select
    projects.*, total, everyone, cancelled_at is null and total >= goal as ok,
    coalesce(cancelled_at, case when deadline_at <= {as_of} then deadline_at end) as known_at
from projects
join (select project_id, max(amount) as total, max(backers) as everyone from parts group by all) using (project_id);

create temp view launches as select creator_id, launched_at as known_at, true as ok from projects;

create temp table steps as
with planned as (
    select
        milestones.* replace (
            if(submitted_at < {as_of}, submitted_at, null) as submitted_at,
            if(resolved_at < {as_of}, resolved_at, null) as resolved_at
        ),
        creator_id, deadline_at, goal, total, everyone, release_strategy,
        if(resolution = 'approved' and resolved_at < {as_of}, resolved_at, null) as approved_at,
        lag(approved_at) over by_number as previous_at, lag(due_at) over by_number as previous_due_at,
        count(*) over (partition by project_id) as milestone_count
    from '{raw}/milestones.parquet' as milestones join outcomes using (project_id) where ok and known_at is not null
    window by_number as (partition by project_id order by milestone_number)
)
select *, greatest(deadline_at, if(milestone_number > 1, previous_at, null)) as started_at
from planned where milestone_number = 1 or previous_at is not null;

create temp view deliveries as
select
    project_id, creator_id, coalesce(submitted_at <= due_at, false) as ok,
    greatest(started_at, least(submitted_at, due_at)) as known_at
from steps;

create temp macro past(events, by_column) as table
    select by_column as by_value, known_at, count(*) over w as n, count(*) filter (ok) over w as ok
    from query_table(events) where known_at is not null window w as (partition by by_column order by known_at);

create table project_features as
with rows as (
    select
        o.*, coalesce(l.n, 0) as by_n, coalesce(c.n, 0) as creator_n, coalesce(c.ok, 0) as creator_ok,
        g.n as category_n, g.ok as category_ok, d.n as delivered_n, d.ok as delivered_ok
    from outcomes as o
    asof left join past('launches', creator_id) as l on o.creator_id = l.by_value and launched_at > l.known_at
    asof left join past('outcomes', creator_id) as c on o.creator_id = c.by_value and launched_at > c.known_at
    asof left join past('outcomes', category) as g on category = g.by_value and launched_at > g.known_at
    asof left join past('deliveries', creator_id) as d on o.creator_id = d.by_value and launched_at > d.known_at
),
timed as (
    select
        *, isodow(launched_at) as weekday, month(launched_at) as month, hours(launched_at, snapshot_at) / 24 as elapsed,
        hours(launched_at, deadline_at) / 24 as days, hours(last_at, snapshot_at) as idle
    from rows join parts using (project_id)
    where snapshot_at <= {as_of} and snapshot_at < least(deadline_at, cancelled_at)
)
select {columns} from timed;
