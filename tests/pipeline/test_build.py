"""A new build: the history of the published file, unless that is of another platform."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from expectations.landing import stage as land
from pipeline import build
from pipeline.errors import CallError
from pipeline.paths import Paths
from tests.expectations.landing.landing_world import row, world, write

KNOWN = (101, 1, "2024-01-01")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A warehouse in which the small world was landed, one pledge of it quarantined."""
    tables = world()
    row(tables, "pledges", 4)["amount"] = "0"
    data = write(tmp_path / "data", tables)
    warehouse = tmp_path / "warehouse"
    call = ["--data", str(data), "--warehouse", str(warehouse), "--run-id", "r1"]
    assert land.main([*call, "--on-bad-rows", "quarantine"]) == 0
    return Paths.at(str(warehouse), str(tmp_path / "site"))


def published(paths: Paths, *projects: tuple[int, int, str]) -> None:
    """Puts a published file there, with projects and some history."""
    paths.published.unlink(missing_ok=True)
    with duckdb.connect(str(paths.published)) as con:
        con.execute("create schema core; create schema ml; create schema quality")
        con.execute(
            "create table core.dim_projects"
            " (project_id bigint, creator_id bigint, launched_at timestamp)"
        )
        for project in projects:
            con.execute("insert into core.dim_projects values (?, ?, ?)", list(project))
        con.execute("create table ml.predictions (prediction_id varchar not null, entity_id int)")
        con.execute("insert into ml.predictions values ('p-1', 101)")
        con.execute('create table ml."odd name" (i int)')
        con.execute(build.QUARANTINED_ROWS)
        con.execute(
            "insert into quality.quarantined_rows (run_id, table_name) values ('r0', 'votes')"
        )


def ask(paths: Paths, sql: str) -> list[tuple[object, ...]]:
    """Asks the build."""
    with duckdb.connect(str(paths.build), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_a_first_build_holds_what_was_quarantined(paths: Paths) -> None:
    assert build.start(paths) == build.Platform()
    landed = json.loads((paths.landed / "landed.json").read_text())
    assert ask(
        paths,
        "select run_id, table_name, row_key, cast(quarantined_at as varchar) from"
        " quality.quarantined_rows",
    ) == [("r1", "pledges", "4", landed["landed_at"].rstrip("0"))]


def test_history_of_the_same_platform_is_carried_over(paths: Paths) -> None:
    published(paths, KNOWN, (99, 1, "2020-01-01"), (98, 1, "2020-01-01"))
    assert build.start(paths) == build.Platform(0, 2, (98, 99))
    assert ask(paths, "from ml.predictions") == [("p-1", 101)]
    assert ask(paths, "select run_id, table_name from quality.quarantined_rows") == [
        ("r0", "votes"),
        ("r1", "pledges"),
    ]
    assert ask(
        paths,
        "select schema_name || '.' || table_name, sql like '%NOT NULL%' from duckdb_tables()"
        " order by all",
    ) == [("ml.odd name", False), ("ml.predictions", True), ("quality.quarantined_rows", False)]
    assert not paths.another_platform.exists()


def test_rows_of_a_landing_that_is_built_from_again_are_there_once(paths: Paths) -> None:
    build.start(paths)
    with duckdb.connect(str(paths.build)) as con:
        con.execute(
            "create schema core; create table core.dim_projects as select 101 as project_id,"
            " 1 as creator_id, timestamp '2024-01-01' as launched_at"
        )
    paths.build.rename(paths.published)
    build.start(paths)
    assert ask(paths, "select run_id from quality.quarantined_rows") == [("r1",)]


@pytest.mark.parametrize(
    "project", [(101, 2, "2024-01-01"), (101, 1, "2024-01-01 00:00:00.000001")]
)
def test_another_platform_begins_a_new_history(paths: Paths, project: tuple[int, int, str]) -> None:
    published(paths, project, (102, 2, "2024-02-01"))
    before = hashlib.sha256(paths.published.read_bytes()).digest()
    assert build.start(paths) == build.Platform(1, 0, (101,), is_another=True)
    assert ask(paths, "select schema_name, table_name from duckdb_tables()") == [
        ("quality", "quarantined_rows")
    ]
    assert paths.another_platform.exists()
    assert hashlib.sha256(paths.published.read_bytes()).digest() == before
    published(paths, KNOWN)
    build.start(paths)
    assert not paths.another_platform.exists()


def test_a_corrected_creator_or_launch_of_few_keeps_the_history(
    paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    published(paths, (101, 2, "2024-01-01"), (102, 2, "2024-02-01"), (103, 1, "2024-03-01"))
    monkeypatch.setattr("sys.argv", ["build", "--warehouse", str(paths.root)])
    assert build.main() == 0
    assert "warning: 1 published project has another creator or launch now (101); the history" in (
        capsys.readouterr().out
    )
    assert ask(paths, "from ml.predictions") == [("p-1", 101)]
    assert not paths.another_platform.exists()


def test_where_no_published_project_is_left_a_new_history_begins(paths: Paths) -> None:
    """As where the generated platform was published before the first export."""
    published(paths, (98, 1, "2020-01-01"), (99, 1, "2020-01-01"))
    assert build.start(paths) == build.Platform(0, 2, (98, 99), is_another=True)
    assert ask(paths, "select count(*) from duckdb_tables() where schema_name = 'ml'") == [(0,)]
    assert paths.another_platform.exists()
    published(paths)
    assert build.start(paths) == build.Platform()
    assert ask(paths, "from ml.predictions") == [("p-1", 101)]


def test_what_a_killed_build_left_goes(paths: Paths) -> None:
    paths.build.write_text("half")
    paths.build.with_name("escrow.duckdb.wal").write_text("half")
    paths.build.with_name("new.duckdb").write_text("half")
    build.start(paths)
    assert ask(paths, "select count(*) from quality.quarantined_rows") == [(1,)]
    assert not paths.build.with_name("escrow.duckdb.wal").exists()


def test_a_published_file_that_is_no_database_is_named_and_kept(paths: Paths) -> None:
    paths.published.write_text("no database")
    with pytest.raises(CallError, match="cannot be read, so its history cannot be carried over"):
        build.start(paths)
    assert paths.published.read_text() == "no database"
    assert not paths.build.exists()


def test_a_published_file_that_is_being_written_is_named(paths: Paths) -> None:
    published(paths, KNOWN)
    program = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(paths.published)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        # not to put a backup in its place: the file is sound
        with pytest.raises(CallError, match="open for writing in another program: close it there"):
            build.start(paths)
        writer.communicate()


def test_without_a_landing_there_is_nothing_to_build(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="holds no complete landing: make land"):
        build.start(Paths.at(str(tmp_path), str(tmp_path)))
