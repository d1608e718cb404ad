"""What a build changes: rows by their key, columns by name, and what is there on one side only."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from pipeline import diff
from pipeline.database import connect
from pipeline.diff import Change, compare
from pipeline.errors import CallError
from pipeline.lock import locked
from pipeline.paths import Paths
from pipeline.state import Record, State

KEYS = {"core.projects": ("project_id",), "core.votes": ("milestone_id", "backer_id")}
AS_OF = "create schema core; create table core.warehouse_as_of as select timestamp '{}' as as_of;"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """An empty warehouse; dbt declared the key of one table."""
    paths = Paths.at(str(tmp_path / "warehouse"), "")
    paths.dbt_target.mkdir(parents=True)
    test = {
        "resource_type": "test",
        "config": {"severity": "ERROR"},
        "depends_on": {"nodes": ["projects"]},
        "attached_node": "projects",
        "test_metadata": {"name": "unique", "kwargs": {"column_name": "project_id"}},
    }
    projects = {"resource_type": "model", "schema": "core", "name": "projects"}
    content = {"nodes": {"projects": projects, "test": test}, "sources": {}}
    (paths.dbt_target / "manifest.json").write_text(json.dumps(content))
    return paths


def make(path: Path, sql: str, *, at: str = "2024-01-01") -> None:
    """Puts a database there."""
    with closing(connect(path)) as con:
        con.execute(AS_OF.format(at) + sql)


def changes(paths: Paths, before: str, after: str) -> list[Change]:
    """What differs between two databases, beside their timestamp."""
    make(paths.published, before)
    make(paths.build, after)
    with closing(connect(paths.build, read_only=True)) as con:
        con.execute(f"attach '{paths.published}' as published (read_only)")
        found = list(compare(con, ("core",), KEYS))
    return [each for each in found if each.table != "core.warehouse_as_of"]


def remember(paths: Paths, *stages: str) -> None:
    """Says which stages are done in the build."""
    state = State(paths)
    state.begin_build()
    state.database.stages = {name: Record({}, {}, "run") for name in stages}
    state.mark_database()
    state.save()


def test_rows_are_matched_by_their_key(paths: Paths) -> None:
    before = """create table core.projects as from (values
        (1, 'a', 1.0, null), (2, 'b', 2.0, null), (3, 'c', 3.0, null), (4, 'd', 'nan'::double, 1)
    ) as made (project_id, title, ratio, known)"""
    after = """create table core.projects as from (values
        (4, 'd', 'nan'::double, 1), (3, 'c', 3.5, 1), (2, 'B', 2.0, 2), (5, 'e', 5.0, null)
    ) as made (project_id, title, ratio, known)"""
    assert changes(paths, before, after) == [
        Change("core.projects", 4, 1, 1, 2, {"title": 1, "ratio": 1, "known": 2})
    ]


def test_a_key_of_two_columns_may_hold_null(paths: Paths) -> None:
    before = """create table core.votes as from (values (1, null, true), (1, 2, true))
        as made (milestone_id, backer_id, is_approval)"""
    after = before.replace("(1, 2, true)", "(1, 2, false), (2, null, true)")
    assert changes(paths, before, after) == [Change("core.votes", 3, 1, 0, 1, {"is_approval": 1})]


def test_columns_that_came_went_or_changed_their_type_are_named(paths: Paths) -> None:
    before = (
        "create table core.projects as select 1 as project_id, 2 as old, 3 as amount, 4 as same"
    )
    after = (
        "create table core.projects as select 1 as project_id, 3.5 as amount, 4 as same, 5 as new"
    )
    [change] = changes(paths, before, after)
    assert (change.added, change.removed, change.changed, change.columns) == (0, 0, 0, {})
    assert change.notes == (
        "new column new integer",
        "column old is gone",
        "type of amount: integer -> decimal(2,1)",
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # no key is declared
        (
            "core.bare as from range(3) as made (i)",
            "core.bare as from range(1, 5) as made (i)",
            (2, 1),
        ),
        # the key is not unique
        (
            "core.projects as from (values (1, 1), (1, 2)) as made (project_id, i)",
            "core.projects as from (values (1, 1), (1, 3), (1, 3)) as made (project_id, i)",
            (2, 1),
        ),
        # the key is not on both sides
        (
            "core.projects as select 1 as other, 2 as i",
            "core.projects as select 1 as project_id, 2 as i",
            (0, 0),
        ),
    ],
)
def test_without_a_key_whole_rows_are_compared(
    paths: Paths, before: str, after: str, expected: tuple[int, int]
) -> None:
    [change] = changes(paths, f"create table {before}", f"create table {after}")
    assert (change.added, change.removed, change.changed) == (*expected, None)
    assert "no key in both: compared as whole rows" in change.notes


def test_tables_that_came_or_went_are_named(paths: Paths) -> None:
    made = "create table core.{} as from range({})"
    assert changes(paths, made.format("old", 2), made.format("new", 3)) == [
        Change("core.new", 3, added=3, notes=("new table",)),
        Change("core.old", None, removed=2, notes=("table is gone",)),
    ]


def test_equal_tables_differ_in_nothing(paths: Paths) -> None:
    made = "create table core.projects as from range(3) as made (project_id);"
    [*_, change] = changes(paths, made, made)
    assert not change.is_one


def test_a_build_is_shown_on_lines_that_fit_the_screen(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "column_name_of_thirty_six_characters"  # too much for the line of the other one
    made = f"create table core.projects as select i as project_id, least(i, {{0}}) as {long}"
    made += ", {0} as last_by_name from range(3) as made (i);"
    insights = "create schema insights; create table insights.outlook (i int)"
    make(paths.published, made.format(1) + insights)
    make(paths.build, made.format(2), at="2024-02-01")
    remember(paths, "features", "validate")
    diff.print_diff(paths)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0] == (
        "diff       build as of 01 Feb 2024, 00:00:00 UTC,"
        " published as of 01 Jan 2024, 00:00:00 UTC"
    )
    assert lines[2].split()[:5] == ["core.projects", "3", "0", "0", "3"]
    assert lines[2].endswith("  last_by_name 3,")
    assert lines[3].strip() == f"{long} 1"
    assert [line.strip() for line in lines[-3:]] == [
        "0 of 2 tables without a difference",
        "insights are not built yet: make insights",
        "ml and quality are left out: histories, to which each run adds",
    ]


def test_a_build_of_another_platform_says_so(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, title in ((paths.published, "a"), (paths.build, "b")):
        make(path, f"create table core.projects as select 1 as project_id, '{title}' as title")
    remember(paths, "features")
    paths.another_platform.touch()
    diff.print_diff(paths)
    output = capsys.readouterr().out
    assert "the build counts as another platform" in output
    assert "core.projects" in output


def test_a_build_that_was_refused_says_so(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    make(paths.published, "create table core.projects as select 1 as project_id")
    make(paths.build, "drop table core.warehouse_as_of")
    remember(paths)
    diff.print_diff(paths)
    output = capsys.readouterr().out
    assert "build of an unknown timestamp" in output
    assert "features refused this build" in output
    assert "table is gone" in output


def test_without_a_build_there_is_nothing_to_compare(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CallError, match="nothing is published yet"):
        diff.print_diff(paths)
    make(paths.published, "")
    diff.print_diff(paths)
    assert "there is no build in hand" in capsys.readouterr().out


def test_a_build_that_was_ended_or_is_going_on_is_not_compared(paths: Paths) -> None:
    make(paths.published, "")
    make(paths.build, "")
    with pytest.raises(CallError, match="not whole"):
        diff.print_diff(paths)
    remember(paths, "features")
    with locked(paths.root), pytest.raises(CallError, match="another run writes"):
        diff.print_diff(paths)
