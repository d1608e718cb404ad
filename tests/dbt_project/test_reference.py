"""The marts hold, at many timestamps, what plain Python computes from the raw rows."""

from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import Workshop
from tests.dbt_project.builds import MARTS, Builds, differences
from tests.dbt_project.export import COLUMNS, Tables, write_csv
from tests.dbt_project.reference import Reference
from tests.dbt_project.reference.facts import EXPIRY
from tests.dbt_project.world import BUSY


@pytest.mark.parametrize("as_of", [*BUSY, None], ids=str)
def test_every_column_equals_the_reference(builds: Builds, as_of: datetime | None) -> None:
    expected = builds.reference(as_of)
    assert differences(expected, builds.full(as_of), tables=list(expected), tolerance=1e-12) == []


def test_default_as_of_is_just_after_the_last_event(builds: Builds) -> None:
    assert builds.full()["core.warehouse_as_of"] == [{"as_of": builds.default_as_of}]


def test_world_is_rich_enough_to_tell(builds: Builds) -> None:
    """A reference that agrees on a dull world proves nothing."""
    tables = builds.reference()
    for table in ("features.project_features", "features.milestone_features"):
        for column in tables[table][0]:
            assert len({row[column] for row in tables[table]}) > 1, f"{table}.{column} is constant"
    statuses = {row["milestone_status"] for row in tables["core.fct_milestones"]}
    assert statuses == {"planned", "open", "submitted", "approved", "rejected", "expired", "void"}
    statuses = {row["project_status"] for row in tables["core.dim_projects"]}
    assert statuses == {"live", "successful", "failed", "cancelled"}


def test_something_of_every_kind_happens_at_the_timestamps_of_the_builds(builds: Builds) -> None:
    """Where nothing coincides, a `<` cannot be distinguished from a `<=`."""
    silent = set()
    for table, rows in builds.reference().items():
        dated = [
            ((table, column, row.get("snapshot_kind")), value)
            for row in rows
            for column, value in row.items()
            if isinstance(value, datetime) and row.get("snapshot_kind") != "current"
        ]
        silent |= {what for what, _ in dated} - {
            what for what, timestamp in dated if timestamp in BUSY
        }
    milestones = builds.reference()["core.fct_milestones"]
    expired = [row["due_at"] for row in milestones if row["milestone_status"] == "expired"]
    assert silent == {("core.warehouse_as_of", "as_of", None)}
    assert {due_at + EXPIRY for due_at in expired} & set(BUSY)


def test_platform_on_which_nothing_has_happened(
    builds: Builds, workshop: Workshop, tmp_path: Path
) -> None:
    tables: Tables = {table: [] for table in COLUMNS}
    as_of = datetime(2024, 1, 1)
    data = write_csv(tables, tmp_path / "data")
    built = builds.read(workshop.build(data, as_of=as_of, select=MARTS))
    expected = Reference(tables, as_of).tables()
    assert differences(expected, built, tables=list(expected)) == []
