"""The timestamp that a landing is for: given, or just after the last event that passed."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.expectations.landing.landing_world import (
    TEXT,
    LandingBench,
    World,
    like,
    listed,
    row,
    world,
    write,
)


def with_project_104(tables: World, **values: str) -> None:
    """Adds a project launched late, and its milestone."""
    project = {
        **row(tables, "projects", 103),
        "project_id": "104",
        "launched_at": "2025-05-01T10:00:00.5+02:00",
        "deadline_at": "2025-06-01T00:00:00Z",
    }
    tables["projects"].append({**project, **values})
    milestone = {**row(tables, "milestones", 1004), "milestone_id": "1006", "project_id": "104"}
    tables["milestones"].append(
        {**milestone, "due_at": "2025-07-01T00:00:00Z", "funding_amount": "500.00"}
    )


def reopen_1002(tables: World, submitted_at: str) -> None:
    """Makes the last milestone one that is submitted and not resolved."""
    row(tables, "milestones", 1002).update(submitted_at=submitted_at, resolved_at="", resolution="")


MOMENT = "2025-05-02 03:04:05.000006"
LAST_EVENTS: dict[str, tuple[Callable[[World], object], str]] = {
    "creator_joined": (
        lambda tables: like(tables, "creators", 1, creator_id="3", joined_at=MOMENT),
        "2025-05-02 03:04:05.000007",
    ),
    "backer_joined": (
        lambda tables: like(tables, "backers", 11, backer_id="14", joined_at=MOMENT),
        "2025-05-02 03:04:05.000007",
    ),
    "launched": (with_project_104, "2025-05-01 08:00:00.500001"),
    "cancelled": (
        lambda tables: with_project_104(tables, cancelled_at=MOMENT),
        "2025-05-02 03:04:05.000007",
    ),
    "pledged": (
        lambda tables: (
            with_project_104(tables),
            like(tables, "pledges", 4, pledge_id="5", project_id="104", pledged_at=MOMENT),
        ),
        "2025-05-02 03:04:05.000007",
    ),
    "submitted": (
        lambda tables: (
            reopen_1002(tables, MOMENT),
            tables["votes"].remove(row(tables, "votes", 5003)),
        ),
        "2025-05-02 03:04:05.000007",
    ),
    "resolved": (
        lambda tables: row(tables, "milestones", 1002).update(resolved_at="2024-09-10 00:00"),
        "2024-09-10 00:00:00.000001",
    ),
    "voted": (
        lambda tables: (
            reopen_1002(tables, "2024-03-10T00:00:00Z"),
            row(tables, "votes", 5003).update(voted_at=MOMENT),
        ),
        "2025-05-02 03:04:05.000007",
    ),
    "exposed": (
        lambda tables: (
            with_project_104(tables),
            like(
                tables,
                "experiment_exposures",
                7003,
                exposure_id="7004",
                project_id="104",
                exposed_at=MOMENT,
            ),
        ),
        "2025-05-02 03:04:05.000007",
    ),
    "quarantined_pledge": (
        lambda tables: row(tables, "pledges", 4).update(pledged_at=MOMENT),
        "2024-03-14 00:00:00.000001",
    ),
    "a_plan": (
        lambda tables: row(tables, "milestones", 1005).update(due_at=MOMENT),
        "2024-03-14 00:00:00.000001",
    ),
}


@pytest.mark.parametrize("name", LAST_EVENTS)
def test_the_timestamp_is_just_after_the_last_event_that_passed(
    bench: LandingBench, name: str
) -> None:
    change, timestamp = LAST_EVENTS[name]
    tables = world()
    change(tables)
    write(bench.data, tables)
    assert bench.land(mode="quarantine" if name.startswith("quarantined") else "reject") == 0
    assert (bench.seeds / "landing.csv").read_text() == f"as_of,run_id\n{timestamp},r1\n"
    assert listed(bench)["as_of"] == timestamp
    newest = max(listed(bench)["newest_events"].values())
    just_before = datetime.fromisoformat(timestamp) - timedelta(microseconds=1)
    assert datetime.fromisoformat(newest) == just_before


def test_the_newest_event_of_each_table_is_listed_whatever_timestamp_is_given(
    bench: LandingBench,
) -> None:
    tables = world()
    tables["votes"].clear()
    write(bench.data, tables)
    assert bench.land(as_of="2024-01-02") == 0
    newest = listed(bench)["newest_events"]
    assert newest["pledges"] == "2024-03-02 00:00:00.000000"
    assert newest.keys() == tables.keys() - {"votes"}


@pytest.mark.parametrize(
    ("given", "timestamp"),
    [
        ("2024-02-01", "2024-02-01 00:00:00.000000"),
        ("2024-02-01T12:30:00.25+02:00", "2024-02-01 10:30:00.250000"),
        ("2024-02-01T12:30:00Z", "2024-02-01 12:30:00.000000"),
    ],
)
def test_a_given_timestamp_cuts_nothing_here(
    bench: LandingBench, given: str, timestamp: str
) -> None:
    assert bench.land(as_of=given) == 0
    assert (bench.seeds / "landing.csv").read_text() == f"as_of,run_id\n{timestamp},r1\n"
    assert listed(bench)["as_of"] == timestamp
    assert len(bench.landed("projects")) == 3


def test_a_timestamp_that_is_none_is_refused(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.land(as_of="tomorrow") == 2
    assert capsys.readouterr().err == (
        "land       AS_OF=tomorrow is no timestamp: give ISO 8601, e.g. 2024-01-01T00:00:00Z\n"
    )


def test_a_timestamp_before_the_first_launch_is_refused(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.land() == 0
    before = bench.files()
    capsys.readouterr()
    assert bench.land(as_of="2024-01-01T00:00:00Z") == 2
    assert capsys.readouterr().err == (
        "land       AS_OF=2024-01-01 00:00:00.000000 is not after the first launch"
        " (2024-01-01 00:00:00): the warehouse would have no project. Give a later one\n"
    )
    assert bench.files() == before
    assert bench.land(as_of="2024-01-01T00:00:00.000001Z") == 0


def test_data_without_any_event_need_a_timestamp(
    bench: LandingBench, capsys: pytest.CaptureFixture[str]
) -> None:
    write(bench.data, {table: [] for table in TEXT})
    assert bench.land() == 2
    assert capsys.readouterr().err == (
        f"land       {bench.data} holds no event, so no timestamp to build for: give one, e.g."
        " AS_OF=2024-01-01T00:00:00Z\n"
    )
    assert bench.files() == {}
    assert bench.land(as_of="2024-01-01") == 0
