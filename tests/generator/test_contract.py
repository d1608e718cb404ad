"""The generated tables keep every rule of the raw contract; each rule is a query for violations."""

from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pa_parquet
import pytest

from generator.config import SimulationConfig
from generator.schemas import SCHEMAS

KEYS = {name: schema.names[0] for name, schema in SCHEMAS.items()}
REFERENCES = [
    ("projects", "creator_id", "creators"),
    ("pledges", "project_id", "projects"),
    ("pledges", "backer_id", "backers"),
    ("milestones", "project_id", "projects"),
    ("votes", "milestone_id", "milestones"),
    ("votes", "backer_id", "backers"),
    ("experiment_exposures", "backer_id", "backers"),
    ("experiment_exposures", "project_id", "projects"),
]
OPTIONAL = {
    ("creators", "country"),
    ("backers", "country"),
    ("projects", "country"),
    ("projects", "cancelled_at"),
    ("milestones", "submitted_at"),
    ("milestones", "resolved_at"),
    ("milestones", "resolution"),
    ("experiment_exposures", "pledge_id"),
}
FUNDED = """
    select project_id, deadline_at
    from projects
    left join (select project_id, sum(amount) as pledged from pledges group by all) as totals
        using (project_id)
    where cancelled_at is null and pledged >= funding_goal
        and deadline_at < timestamptz '2024-01-01'
"""
SHARES = """
    select
        milestones.*,
        count(*) over project as n,
        cast(funding_goal * 100 as bigint) as goal_cents,
        cast(funding_amount * 100 as bigint) as cents,
        case release_strategy
            when 'equal_tranches' then goal_cents // n
            when 'front_loaded' then goal_cents * (n - milestone_number + 1) // (n * (n + 1) // 2)
            when 'back_loaded' then goal_cents * milestone_number // (n * (n + 1) // 2)
            when 'holdback_20' then goal_cents * 4 // (5 * n)
        end as planned_cents
    from milestones
    join projects using (project_id)
    window project as (partition by project_id)
"""
VIOLATIONS = {
    "amounts are positive": """
        select pledge_id from pledges where amount <= 0
        union all select project_id from projects where funding_goal <= 0
        union all select milestone_id from milestones where funding_amount <= 0""",
    "a campaign lasts at most 92 days": """
        select * from projects
        where deadline_at <= launched_at or deadline_at > launched_at + interval 92 days""",
    "cancelled within the campaign": """
        select * from projects where cancelled_at <= launched_at or cancelled_at >= deadline_at""",
    "pledged within the campaign": """
        select * from pledges join projects using (project_id)
        where pledged_at < launched_at or pledged_at >= deadline_at
            or pledged_at >= cancelled_at""",
    "one vote per backer and milestone": """
        select milestone_id, backer_id from votes group by all having count(*) > 1""",
    "only backers of the project vote": """
        select * from votes join milestones using (milestone_id)
        anti join pledges
            on pledges.project_id = milestones.project_id
            and pledges.backer_id = votes.backer_id""",
    "votes lie between submission and resolution": """
        select * from votes join milestones using (milestone_id)
        where submitted_at is null or voted_at <= submitted_at or voted_at > resolved_at""",
    "milestone numbers are 1..n": """
        select project_id from milestones group by all
        having min(milestone_number) <> 1 or max(milestone_number) <> count(*)
            or count(distinct milestone_number) <> count(*)""",
    "each project has 3 to 5 milestones": """
        select project_id from projects left join milestones using (project_id) group by all
        having count(milestone_id) not between 3 and 5""",
    "milestone amounts add up to the goal": """
        select project_id from milestones join projects using (project_id)
        group by project_id, funding_goal having sum(funding_amount) <> funding_goal""",
    "milestone amounts follow the release strategy": f"""
        select * from ({SHARES})
        where milestone_number < n and cents is distinct from planned_cents""",
    "due dates follow the deadline and rise": """
        select * from (
            select *, lag(due_at, 1, deadline_at) over (
                partition by project_id order by milestone_number
            ) as earlier
            from milestones join projects using (project_id)
        )
        where due_at <= earlier""",
    "resolution is given exactly when resolved": """
        select * from milestones
        where (resolved_at is null) <> (resolution is null)
            or resolution not in ('approved', 'rejected')""",
    "submitted only in a funded project": f"""
        select * from milestones anti join ({FUNDED}) as funded using (project_id)
        where submitted_at is not null""",
    "submitted after the campaign": """
        select * from milestones join projects using (project_id)
        where submitted_at <= deadline_at""",
    "submitted after the previous one was approved": """
        select * from milestones as later
        join milestones as earlier
            on later.project_id = earlier.project_id
            and later.milestone_number = earlier.milestone_number + 1
        where later.submitted_at is not null
            and (earlier.resolution is distinct from 'approved'
                or later.submitted_at <= earlier.resolved_at)""",
    "resolved after submission, 180 days after due at most": """
        select * from milestones
        where resolved_at is not null
            and (submitted_at is null or resolved_at <= submitted_at
                or resolved_at > due_at + interval 180 days)""",
    "creators join before they launch": """
        select * from projects join creators using (creator_id) where joined_at >= launched_at""",
    "backers join before they act": """
        select backer_id from backers join pledges using (backer_id) where joined_at > pledged_at
        union all
        select backer_id from backers join votes using (backer_id) where joined_at > voted_at
        union all
        select backer_id from backers join experiment_exposures using (backer_id)
        where joined_at > exposed_at""",
    "an exposure precedes its pledge, same backer and project": """
        select * from experiment_exposures as exposure
        left join pledges on pledges.pledge_id = exposure.pledge_id
        where exposure.pledge_id is not null
            and (pledges.pledge_id is null or exposed_at >= pledged_at
                or pledges.backer_id <> exposure.backer_id
                or pledges.project_id <> exposure.project_id)""",
    "a pledge follows from one exposure": """
        select pledge_id from experiment_exposures where pledge_id is not null
        group by all having count(*) > 1""",
    "one variant per backer and experiment": """
        select backer_id, experiment from experiment_exposures group by all
        having count(distinct variant) > 1""",
    "exposed while the campaign runs, in the last eight weeks": """
        select * from experiment_exposures join projects using (project_id)
        where exposed_at < launched_at or exposed_at >= deadline_at or exposed_at >= cancelled_at
            or exposed_at < timestamptz '2024-01-01' - interval 56 days""",
    # 30 % of 2,500 backers
    "nobody pledges above the cap": """
        select project_id from pledges group by all having count(*) > 750""",
    "names and titles have no blanks around them": """
        select display_name from creators where trim(display_name) <> display_name
        union all select title from projects where trim(title) <> title""",
}
EVENTS = {
    "creators": ["joined_at"],
    "backers": ["joined_at"],
    "projects": ["launched_at", "cancelled_at"],
    "pledges": ["pledged_at"],
    "milestones": ["submitted_at", "resolved_at"],
    "votes": ["voted_at"],
    "experiment_exposures": ["exposed_at"],
}


def number(world: duckdb.DuckDBPyConnection, query: str) -> int:
    ((found,),) = world.execute(query).fetchall()
    return int(found)


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_no_row_breaks_the_rule(world: duckdb.DuckDBPyConnection, rule: str) -> None:
    assert world.execute(VIOLATIONS[rule]).fetchall() == []


@pytest.mark.parametrize("table", SCHEMAS)
def test_ids_are_unique_and_count_from_one(world: duckdb.DuckDBPyConnection, table: str) -> None:
    key = KEYS[table]
    row = world.execute(
        f"select min({key}), max({key}), count(distinct {key}), count(*) from {table}"
    ).fetchone()
    assert row is not None
    assert row[0] == 1
    assert row[1] == row[2] == row[3]


@pytest.mark.parametrize(("table", "column", "target"), REFERENCES)
def test_references_hold(
    world: duckdb.DuckDBPyConnection, table: str, column: str, target: str
) -> None:
    query = f"select {column} from {table} anti join {target} using ({column})"
    assert world.execute(query).fetchall() == []


@pytest.mark.parametrize("table", SCHEMAS)
def test_only_optional_columns_are_empty(world: duckdb.DuckDBPyConnection, table: str) -> None:
    for column in SCHEMAS[table].names:
        row = world.execute(
            f"select count(*) filter (where {column} is null), count({column}) from {table}"
        ).fetchone()
        assert row is not None
        assert ((table, column) in OPTIONAL) == (row[0] > 0), column
        assert row[1] > 0, column


@pytest.mark.parametrize("table", EVENTS)
def test_nothing_is_recorded_after_the_end(world: duckdb.DuckDBPyConnection, table: str) -> None:
    for column in EVENTS[table]:
        query = f"select count(*) from {table} where {column} >= timestamptz '2024-01-01'"
        assert world.execute(query).fetchone() == (0,), column


def test_the_end_finds_campaigns_live_and_milestones_open(
    world: duckdb.DuckDBPyConnection,
) -> None:
    live = """
        select count(*) from projects
        where deadline_at > timestamptz '2024-01-01' and cancelled_at is null"""
    waiting = "select count(submitted_at) from milestones where resolved_at is null"
    assert number(world, live) > 10
    assert number(world, waiting) > 2


def test_some_backers_join_with_their_first_act(world: duckdb.DuckDBPyConnection) -> None:
    query = """
        select count(*) from backers
        where joined_at = (select min(pledged_at) from pledges where backer_id = backers.backer_id)
    """
    assert number(world, query) > 100


def test_pledges_lie_in_the_order_of_time_within_a_block(small_folder: Path) -> None:
    pledges = pa_parquet.read_table(small_folder / "pledges.parquet")
    timestamps = pledges.column("pledged_at").to_pylist()
    # where one of three blocks follows another, time begins anew
    assert sum(now < before for before, now in pairwise(timestamps)) == 2


@pytest.mark.parametrize("table", SCHEMAS)
def test_parquet_types_are_those_of_the_contract(small_folder: Path, table: str) -> None:
    assert pa_parquet.read_schema(small_folder / f"{table}.parquet").equals(SCHEMAS[table])


def test_sizes_grow_with_scale(
    world: duckdb.DuckDBPyConnection, small_config: SimulationConfig
) -> None:
    counts = {
        name: number(world, f"select count(*) from {name}") / small_config.scale for name in SCHEMAS
    }
    assert counts["creators"] == 50
    assert counts["backers"] == 500
    assert counts["projects"] == 200
    assert counts["experiment_exposures"] == 8000
    # about 8,600 at SCALE=1 and 14,000 from SCALE=20 on, where the cap of a campaign has risen
    assert 8_000 <= counts["pledges"] <= 14_500
    assert 600 <= counts["milestones"] <= 1_000
    assert counts["votes"] >= 3_000
