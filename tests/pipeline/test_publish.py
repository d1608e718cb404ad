"""Publishing: only what was validated, in one step, and nothing changes under a reader."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline import publish
from pipeline.errors import PipelineError
from pipeline.paths import Paths
from pipeline.quality import Run
from tests import killed

AT = "2024-06-01 12:00:01"
PASSED = ("run-2", "error", True, AT, "fine")
RUN = Run("run-3", AT, "steady-1-42", 1, 42, "steady", "run-1", "run-2", "run-3")


@pytest.fixture
def warehouse(tmp_path: Path) -> Paths:
    """An empty warehouse."""
    warehouse = Paths.at(str(tmp_path / "warehouse"), str(tmp_path / "site"))
    warehouse.build_folder.mkdir(parents=True)
    return warehouse


def build(
    warehouse: Paths,
    *,
    title: str = "new",
    results: tuple[tuple[str, str, bool, str, str], ...] = (PASSED,),
    raw: str = "",
) -> None:
    """Makes a build database: one project with a title, and results of validations."""
    with duckdb.connect(str(warehouse.build)) as con:
        con.execute("create schema core; create schema quality; create schema raw")
        con.execute(
            "create table core.dim_projects as select 1 as project_id, $1 as title", [title]
        )
        con.execute("create table core.warehouse_as_of as select timestamp '2024-05-01' as as_of")
        con.execute("""
            create table quality.validation_results (
                run_id varchar, severity varchar, success boolean, validated_at timestamp,
                message varchar, table_name varchar default 'core.fct_pledges'
            )
        """)
        for result in results:
            con.execute(
                "insert into quality.validation_results"
                " (run_id, severity, success, validated_at, message) values ($1, $2, $3, $4, $5)",
                list(result),
            )
        if raw:
            folder = warehouse.raw / raw
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "pledges.parquet"
            con.execute(f"copy (select '{title}' as title) to '{path}'")
            con.execute(f"create view raw.pledges as from read_parquet('{path}')")


def publish_it(warehouse: Paths) -> int:
    """Publishes in this process."""
    try:
        publish.publish(warehouse, RUN)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


def title_in(path: Path) -> str:
    """The title of the one project in a database."""
    with duckdb.connect(str(path), read_only=True) as con:
        (title,) = con.execute("select title from core.dim_projects").fetchall()[0]
    return str(title)


def set_aside(warehouse: Paths) -> list[Path]:
    """Databases under a dated name."""
    return sorted(warehouse.root.glob("escrow.*.duckdb"))


def test_the_build_becomes_the_published_file(
    warehouse: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    build(warehouse)
    os.utime(warehouse.build, (0, 0))
    assert publish_it(warehouse) == 0
    assert title_in(warehouse.published) == "new"
    assert warehouse.published.stat().st_mtime > 0
    assert not list(warehouse.build_folder.iterdir())
    assert re.fullmatch(
        r"publish    1 dim_projects, as of 01 May 2024, 00:00 UTC \(\d+\.\d s\)"
        rf" ->\s+{warehouse.published}\n",
        capsys.readouterr().out,
    )


def test_the_run_and_the_volumes_of_its_tables_are_published(warehouse: Paths) -> None:
    build(warehouse)
    warehouse.landed.mkdir()
    events = {"newest_events": {"pledges": "2024-04-30 00:00:00.000001"}}
    (warehouse.landed / "landed.json").write_text(json.dumps(events))
    with duckdb.connect(str(warehouse.build)) as con:
        con.execute("create table raw.pledges as from range(3)")
    assert publish_it(warehouse) == 0
    with duckdb.connect(str(warehouse.published), read_only=True) as con:
        runs = con.execute(
            "select run_id, validation_run_id, cast(as_of as varchar) from quality.runs"
        )
        assert runs.fetchall() == [("run-3", "run-2", "2024-05-01 00:00:00")]
        volumes = con.execute(
            "select table_name, row_count, cast(newest_event_at as varchar)"
            " from quality.table_volumes where run_id = 'run-3' order by all"
        )
        assert volumes.fetchall() == [
            ("core.dim_projects", 1, None),
            ("core.warehouse_as_of", 1, None),
            ("raw.pledges", 3, "2024-04-30 00:00:00.000001"),
        ]


def test_what_a_killed_writer_left_in_the_log_is_published_too(warehouse: Paths) -> None:
    build(warehouse)
    program = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]);"
        " con.execute(\"update core.dim_projects set title = 'logged'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(warehouse.build)], check=True)
    log = warehouse.build.with_name("escrow.duckdb.wal")
    assert log.exists()
    assert publish_it(warehouse) == 0
    assert not log.exists()
    assert title_in(warehouse.published) == "logged"


REFUSED: dict[str, tuple[tuple[tuple[str, str, bool, str, str], ...], str]] = {
    "never_validated": ((), "this build was not validated by run run-2"),
    "validated_by_another_run_only": (
        (("run-1", "error", True, AT, "fine"),),
        "this build was not validated by run run-2",
    ),
    "an_error_failed": (
        (PASSED, ("run-2", "error", False, AT, "3 pledges are odd")),
        "validation failed; nothing was published\n  core.fct_pledges  3 pledges are odd",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_did_not_pass_validation_is_not_published(
    warehouse: Paths, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build(warehouse, title="old")
    assert publish_it(warehouse) == 0
    results, message = REFUSED[name]
    build(warehouse, results=results)
    capsys.readouterr()
    assert publish_it(warehouse) == 1
    assert capsys.readouterr().err.startswith(message)
    assert title_in(warehouse.published) == "old"
    assert title_in(warehouse.build) == "new"


@pytest.mark.parametrize(
    "results",
    [
        (PASSED, ("run-2", "warn", False, AT, "few rows")),
        (("run-1", "error", False, AT, "bad"), PASSED),
    ],
    ids=["a_warning", "failed_earlier_but_passed_now"],
)
def test_what_passed_is_published(
    warehouse: Paths, results: tuple[tuple[str, str, bool, str, str], ...]
) -> None:
    build(warehouse, results=results)
    assert publish_it(warehouse) == 0


def test_without_a_build_there_is_nothing_to_publish(
    warehouse: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish_it(warehouse) == 2
    assert capsys.readouterr().err == (
        f"there is nothing to publish: no {warehouse.build}; make run\n"
    )


def test_a_reader_keeps_the_old_file_and_its_views(warehouse: Paths) -> None:
    build(warehouse, title="old", raw="0" * 16)
    assert publish_it(warehouse) == 0
    build(warehouse, raw="1" * 16)
    with duckdb.connect(str(warehouse.published), read_only=True) as reader:
        module = [sys.executable, "-m", "pipeline.publish", "--warehouse", warehouse.root]
        subprocess.run(
            [*module, "--run", json.dumps(RUN._asdict())],
            cwd=killed.REPOSITORY,
            check=True,
            capture_output=True,
        )
        for table in ("core.dim_projects", "raw.pledges"):
            assert reader.execute(f"select title from {table}").fetchall() == [("old",)]
    assert title_in(warehouse.published) == "new"


def test_landed_parquet_goes_when_no_database_names_it(warehouse: Paths) -> None:
    folders = ["a" * 16, "b" * 16, "c" * 16]
    for folder in folders:
        build(warehouse, raw=folder)
        (warehouse.raw / "left over").mkdir(exist_ok=True)
        assert publish_it(warehouse) == 0
    # the last but one is still named by the file that was just replaced
    assert {path.name for path in warehouse.raw.iterdir()} == {*folders[1:], "left over"}


def test_landed_parquet_stays_when_a_database_cannot_be_read(warehouse: Paths) -> None:
    (warehouse.raw / ("a" * 16)).mkdir(parents=True)
    (warehouse.root / "escrow.20240101T000000Z.duckdb").write_text("no database")
    build(warehouse)
    assert publish_it(warehouse) == 0
    assert (warehouse.raw / ("a" * 16)).exists()


def test_another_platforms_warehouse_is_kept(
    warehouse: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    build(warehouse, title="old", raw="a" * 16)
    assert publish_it(warehouse) == 0
    for title in ("new", "newer", "newest"):
        if title == "new":
            warehouse.another_platform.touch()
        build(warehouse, title=title, raw="b" * 16)
        capsys.readouterr()
        assert publish_it(warehouse) == 0
        assert ("is kept as" in capsys.readouterr().out) is (title == "new")
    assert title_in(warehouse.published) == "newest"
    (kept,) = set_aside(warehouse)
    assert re.fullmatch(r"escrow\.\d{8}T\d{6}\.\d{6}Z\.duckdb", kept.name)
    assert title_in(kept) == "old"
    with duckdb.connect(str(kept), read_only=True) as con:
        assert con.execute("select title from raw.pledges").fetchall() == [("old",)]


def test_the_performance_log_of_another_platform_is_kept_under_the_same_date(
    warehouse: Paths,
) -> None:
    build(warehouse, title="old")
    assert publish_it(warehouse) == 0
    warehouse.monitoring.parent.mkdir()
    warehouse.monitoring.write_text('{"id": "1"}\n')
    build(warehouse)
    assert publish_it(warehouse) == 0
    assert warehouse.monitoring.exists()
    build(warehouse)
    warehouse.another_platform.touch()
    assert publish_it(warehouse) == 0
    (kept,) = set_aside(warehouse)
    (log,) = warehouse.monitoring.parent.iterdir()
    assert log.name == kept.name.replace("escrow.", "model_performance.").replace("duckdb", "jsonl")
    assert log.read_text() == '{"id": "1"}\n'


def test_a_log_beside_the_published_file_does_not_meet_the_new_one(warehouse: Paths) -> None:
    build(warehouse, title="old")
    assert publish_it(warehouse) == 0
    log = warehouse.published.with_name("escrow.duckdb.wal")
    log.write_bytes(b"of a writer that should not be")
    build(warehouse)
    assert publish_it(warehouse) == 0
    assert not log.exists()
    assert title_in(warehouse.published) == "new"


def test_a_kill_leaves_one_whole_file_and_the_next_publish_works(warehouse: Paths) -> None:
    names = ("link", "unlink", "utime", "replace")
    arguments = ["--warehouse", str(warehouse.root), "--run", json.dumps(RUN._asdict())]
    seen, step = [], 0
    code = -signal.SIGKILL
    while code == -signal.SIGKILL:
        step += 1
        for path in [*set_aside(warehouse), warehouse.published, warehouse.build]:
            path.unlink(missing_ok=True)
        warehouse.another_platform.unlink(missing_ok=True)
        build(warehouse, title="old")
        assert publish_it(warehouse) == 0
        build(warehouse)
        warehouse.another_platform.touch()
        code = killed.run("pipeline.publish", arguments, at=step, names=names)
        seen.append(title_in(warehouse.published))
        if warehouse.build.exists():
            assert publish_it(warehouse) == 0
        assert title_in(warehouse.published) == "new"
        assert [title_in(path) for path in set_aside(warehouse)] == ["old"]
    assert code == 0
    # first the old one, from some step on the new one
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}
