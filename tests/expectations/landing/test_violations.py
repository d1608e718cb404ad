"""All violations at once: what is named, and what it costs."""

import contextlib
import io
import random
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from expectations.landing import causes
from expectations.landing.contract import TABLES
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from tests.expectations.landing.landing_world import (
    LandingBench,
    Row,
    World,
    printed,
    row,
    world,
    write,
)

SHIFT = 1_000_000
WORLDS = 150
IDS = {column.name for table in TABLES for column in table.columns if column.name.endswith("_id")}


@pytest.fixture
def bench(tmp_path: Path) -> LandingBench:
    return LandingBench(tmp_path)


def shifted(rows: list[Row], copy: int) -> list[Row]:
    """Rows with all ids that are numbers moved into the range of one copy."""
    return [
        {
            name: str(int(value) + copy * SHIFT) if name in IDS and value.isdigit() else value
            for name, value in each.items()
        }
        for each in rows
    ]


def corrupt(tables: World, chance: random.Random) -> None:
    """Spoils a few cells of the tiny export, takes rows out and repeats some."""
    for _ in range(chance.randint(1, 5)):
        name = chance.choice(list(tables))
        rows = tables[name]
        if not rows:
            continue
        place = chance.randrange(len(rows))
        kind = chance.random()
        if kind < 0.08:
            del rows[place]
        elif kind < 0.2:
            rows.append(dict(rows[place]))
        column = chance.choice(list(rows[0])[1:]) if rows else ""
        if kind < 0.08 or not column:
            continue
        others = [each[column] for each in rows]
        timestamps = [f"2024-0{chance.randint(1, 6)}-1{chance.randint(0, 9)}T00:00:00Z", "soon"]
        rows[place][column] = chance.choice([*others, *others, "", *timestamps])


def timestamp(each: Row | None, column: str) -> datetime | None:
    """A cell as a timestamp, None where it cannot be read."""
    try:
        return datetime.fromisoformat(each[column]) if each else None
    except ValueError:
        return None


def is_before(first: datetime | None, second: datetime | None) -> bool:
    """Whether one timestamp is certainly before another."""
    return first is not None and second is not None and first < second


def violating(tables: World) -> set[tuple[str, str, str]]:
    """The order of events, judged row by row in plain Python, whatever else the rows violate."""

    def parent(each: Row, table: str, key: str) -> Row | None:
        found = [other for other in tables[table] if each[key] and other[key] == each[key]]
        # rows of one key tell what they agree on
        agreed = {
            name: value if all(other[name] == value for other in found) else "unclear"
            for name, value in (found[0] if found else {}).items()
        }
        return agreed or None

    def no_later(first: datetime | None, second: datetime | None) -> bool:
        return first is not None and second is not None and first <= second

    found = set()
    for name, at, label in (
        ("pledges", "pledged_at", "pledged"),
        ("experiment_exposures", "exposed_at", "exposed"),
    ):
        for each in tables[name]:
            key, project = next(iter(each.values())), parent(each, "projects", "project_id")
            when = timestamp(each, at)
            if is_before(when, timestamp(project, "launched_at")) or no_later(
                timestamp(project, "deadline_at"), when
            ):
                found.add((name, f"{label}_during_campaign", key))
            if no_later(timestamp(project, "cancelled_at"), when):
                found.add((name, f"{label}_before_cancellation", key))
    for each in tables["votes"]:
        milestone, when = parent(each, "milestones", "milestone_id"), timestamp(each, "voted_at")
        if milestone and (
            milestone["submitted_at"] == "" or no_later(when, timestamp(milestone, "submitted_at"))
        ):
            found.add(("votes", "voted_after_submission", each["vote_id"]))
        if is_before(timestamp(milestone, "resolved_at"), when):
            found.add(("votes", "voted_by_resolution", each["vote_id"]))
    for each in tables["milestones"]:
        project = parent(each, "projects", "project_id")
        deadline, submitted = timestamp(project, "deadline_at"), timestamp(each, "submitted_at")
        if no_later(timestamp(each, "due_at"), deadline):
            found.add(("milestones", "due_after_deadline", each["milestone_id"]))
        if no_later(submitted, deadline):
            found.add(("milestones", "submitted_after_deadline", each["milestone_id"]))
    return found


def test_every_violation_is_named_whatever_else_is_broken(
    bench: LandingBench, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    together: World = {table.name: [] for table in TABLES}
    for copy in range(WORLDS):
        tables = world()
        corrupt(tables, chance)
        for name, rows in tables.items():
            together[name] += shifted(rows, copy)
    write(bench.data, together)
    assert bench.land() == 1
    expected = violating(together)
    rules = {rule for _, rule, _ in expected}
    assert {each for each in bench.violating(is_root=True) if each[1] in rules} == expected

    assert bench.land(mode="quarantine", run_id="r2") == 0
    landed = {table.name: bench.landed(table.name) for table in TABLES}
    quarantined = [table for table, *_ in bench.quarantined()]
    for name, rows in together.items():
        assert len(landed[name]) + quarantined.count(name) == len(rows)
    reasons = {(table, key): reason for table, key, _, reason, *_ in bench.quarantined()}
    repeated = {each["key"] for each in bench.violations() if each["rule"] == "duplicate_key"}
    for each in bench.violations():
        if each["key"] not in {"", *repeated}:
            assert each["reason"] in reasons[each["table"], each["key"]]
    again = LandingBench(tmp_path / "again")
    again.data.mkdir(parents=True)
    for name in together:
        (again.data / f"{name}.csv").write_bytes((bench.seeds / f"{name}.csv").read_bytes())
    assert again.land() == 0


def test_the_rule_that_costs_most_and_then_the_one_of_fewest_rows_comes_first(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = world()
    # 9 exposures of their own, a milestone that takes project 101 down, and a vote on it
    for key in range(7010, 7019):
        tables["experiment_exposures"].append(
            {**row(tables, "experiment_exposures", 7003), "exposure_id": str(key), "variant": ""}
        )
    row(tables, "milestones", 1002)["resolved_at"] = "2024-09-12T00:00:00Z"
    row(tables, "votes", 5003)["voted_at"] = "2024-03-10T00:00:00Z"
    write(bench.data, tables)
    assert printed(bench, capsys)[:13] == [
        "  milestones  resolved_within_180_days_of_due  1 row: 1002",
        "      costs 9 rows: these and 8 rejected with them; 8 of them for no other cause",
        "      resolved_at 2024-09-12 00:00:00 is more than 180 days after due_at"
        " 2024-03-15 00:00:00",
        "  experiment_exposures  missing_value  9 rows: 7010, 7011, 7012, 7013, 7014, …",
        "      variant is empty",
        "  votes  voted_after_submission  1 row: 5003",
        "      costs 1 row; 0 of them for no other cause",
        "      voted_at 2024-03-10 00:00:00 is not after submitted_at 2024-03-10 00:00:00"
        " of milestone 1002",
        "  7 more rows would be quarantined with these:",
        "  pledges  parent_quarantined  2 rows: 1, 2",
        "  votes  parent_quarantined  2 rows: 5001, 5002",
        "  projects  milestone_amounts_add_up_to_goal  1 row: 101",
        "  milestones  parent_quarantined  1 row: 1001",
    ]


Change = tuple[str, int, str, str]
Quarantined = Callable[..., tuple[int, dict[str, tuple[int, int]]]]


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> Quarantined:
    """Lands the tiny export with changes, once each: rows left out, and the costs by table."""
    bench = LandingBench(tmp_path_factory.mktemp("changed"))

    @cache
    def land(*changes: Change) -> tuple[int, dict[str, tuple[int, int]]]:
        tables = world()
        for table, key, column, value in changes:
            row(tables, table, key)[column] = value
        write(bench.data, tables)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert bench.land(mode="quarantine") == 0
        costs = re.findall(
            r"(\w+)  \w+  1 row: .*\n *costs (\d+) rows?\b.*; (\d+) of them", out.getvalue()
        )
        return len(bench.quarantined()), {
            table: (int(cost), int(sole)) for table, cost, sole in costs
        }

    return land


CREATOR = ("creators", 1, "joined_at", "never")
BACKER = ("backers", 11, "joined_at", "never")
PROJECT = ("projects", 101, "title", "")
PLEDGE = ("pledges", 2, "amount", "x")
MILESTONE = ("milestones", 1002, "title", "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CREATOR, PLEDGE),
        (BACKER, PLEDGE),
        (BACKER, MILESTONE),
        (PROJECT, MILESTONE),
        (PLEDGE, MILESTONE),
        (CREATOR, BACKER),
    ],
)
def test_costs_are_what_happens_when_one_or_the_other_is_corrected(
    quarantined: Quarantined, first: Change, second: Change
) -> None:
    both, costs = quarantined(first, second)
    alone = {each[0]: quarantined(each)[0] for each in (first, second)}
    assert costs == {
        first[0]: (alone[first[0]], both - alone[second[0]]),
        second[0]: (alone[second[0]], both - alone[first[0]]),
    }


def test_a_vote_is_lost_for_what_takes_all_pledges_of_its_backer(quarantined: Quarantined) -> None:
    another = [
        ("pledges", 4, "project_id", "101"),
        ("pledges", 4, "pledged_at", "2024-01-03T00:00:00Z"),
    ]
    assert quarantined(*another)[0] == 0
    _, costs = quarantined(*another, BACKER, ("pledges", 4, "amount", "x"))
    assert costs["pledges"] == (1, 0)


def test_every_rule_about_missing_rows_hands_causes_on() -> None:
    rules = {
        (check.table, rule.name) for check in BETWEEN_CHECKS for rule in check.rules if rule.absence
    }
    # implied by another rule about the same rows
    implied = {("projects", "milestone_numbers_1_to_n")}
    assert rules == set(causes.MISSING_ROWS) | implied


def test_rows_that_hang_on_an_unreadable_line_count_as_its_cost(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    write(bench.data, world())
    path = bench.data / "backers.csv"
    path.write_bytes(path.read_bytes().replace(b"13,DE,", b"13,DE;"))
    assert printed(bench, capsys)[:2] == [
        "  backers  unreadable_line  1 row: backers.csv:4",
        "      costs 4 rows: these and 3 rejected with them; 4 of them for no other cause",
    ]


def test_hostile_text_stays_in_its_line(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = world()
    row(tables, "projects", 103)["release_strategy"] = "\x1b[31mred\nland OK " + "wide " * 2000
    write(bench.data, tables)
    lines = printed(bench, capsys)
    (start,) = (place for place, line in enumerate(lines) if "release_strategy '" in line)
    assert "\x1b" not in "".join(lines)
    assert lines[start].startswith("      release_strategy '\ufffd[31mred land OK wide wide")
    assert lines[start + 1].endswith(" …")
