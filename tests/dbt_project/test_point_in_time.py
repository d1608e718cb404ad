"""No row uses what was not known at its time: two properties, each with a leak it must find."""

from datetime import datetime

import pytest

from tests.dbt_project.builds import OUTCOME_FROM_LAUNCH, VOTES_UNCUT, Builds, differences
from tests.dbt_project.export import MICROSECOND, Tables
from tests.dbt_project.world import BUSY

TIMESTAMP_OF = {
    "features.project_features": "snapshot_at",
    "features.milestone_features": "snapshot_at",
    "features.project_labels": "outcome_known_at",
    "features.milestone_labels": "outcome_known_at",
    "core.fct_escrow_transactions": "occurred_at",
}
CUT_SCHEMAS = ("staging.", "intermediate.", "core.", "features.")


@pytest.mark.parametrize("timestamp", BUSY, ids=str)
def test_export_equality(builds: Builds, timestamp: datetime) -> None:
    """A full export built at a timestamp gives what an export taken then gives."""
    full, cut = builds.full(timestamp), builds.cut(timestamp)
    assert full.keys() == cut.keys()
    assert export_differences(full, cut) == []


@pytest.mark.parametrize("timestamp", BUSY, ids=str)
def test_prefix_stability(builds: Builds, timestamp: datetime) -> None:
    """What a build says of the time before its timestamp, every later build says too."""
    early = builds.full(timestamp)
    assert all(before(timestamp, early).values()), "nothing to compare"
    for later in [timestamp + MICROSECOND, *(busy for busy in BUSY if busy > timestamp), None]:
        assert prefix_differences(timestamp, early, builds.full(later)) == [], f"at {later}"


@pytest.mark.journey
def test_prefix_stability_finds_what_export_equality_cannot(builds: Builds) -> None:
    timestamp, leak = BUSY[3], OUTCOME_FROM_LAUNCH
    leaky = builds.full(timestamp, leak=leak)
    assert export_differences(leaky, builds.cut(timestamp, leak=leak)) == []
    assert prefix_differences(timestamp, leaky, builds.full(leak=leak)) != []


@pytest.mark.journey
def test_export_equality_finds_rows_from_after_the_cut(builds: Builds) -> None:
    """The export taken at the timestamp holds no later vote, so the leak changes nothing there."""
    timestamp = BUSY[3]
    leaky = builds.full(timestamp, leak=VOTES_UNCUT)
    assert export_differences(leaky, builds.cut(timestamp)) != []


def export_differences(full: Tables, cut: Tables) -> list[str]:
    """What differs behind the cut at AS_OF; `raw` differs by nature."""
    tables = [table for table in cut if table.startswith(CUT_SCHEMAS)]
    return differences(cut, full, tables=tables)


def prefix_differences(timestamp: datetime, early: Tables, late: Tables) -> list[str]:
    """What two builds say differently of the time before the timestamp."""
    tables = list(TIMESTAMP_OF)
    return differences(before(timestamp, early), before(timestamp, late), tables=tables)


def before(timestamp: datetime, tables: Tables) -> Tables:
    """The rows of a timestamp before this one; `current` is of the build's own timestamp."""
    return {
        table: [
            row
            for row in tables[table]
            if row[column] < timestamp and row.get("snapshot_kind") != "current"
        ]
        for table, column in TIMESTAMP_OF.items()
    }
