"""Puts the finished build in the place of the published warehouse, in one step.

`python -m pipeline.publish --warehouse DIR --run JSON`
"""

import argparse
import json
import os
import re
import shutil
import sys
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.comments import comment
from pipeline.database import Connection, DatabaseError, connect, scalar
from pipeline.errors import DONE, CallError, PipelineError, RefusedError
from pipeline.paths import Paths, log_of
from pipeline.quality import Run, record
from pipeline.screen import short, show

MAIN_TABLES = (
    "core.dim_projects",
    "core.fct_pledges",
    "core.fct_milestones",
    "core.fct_votes",
    "ml.predictions",
)


def main() -> int:
    """Publishes from the command line and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.publish", description=__doc__)
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    parser.add_argument(
        "--run", required=True, type=json.loads, help="the fields of a Run, as JSON"
    )
    options = parser.parse_args()
    try:
        publish(Paths.at(options.warehouse, ""), Run(**options.run))
    except PipelineError as error:
        word = " REFUSED:" if isinstance(error, RefusedError) else ""
        print(f"{'publish':<10}{word} {error}", file=sys.stderr)
        return error.code
    return DONE


def publish(warehouse: Paths, run: Run) -> None:
    """Replaces the published file by the build; at all times one whole file is there.

    Args:
        warehouse: The paths of the warehouse.
        run: What is published; the build must have passed the validation that it names.

    Raises:
        CallError: There is no build, or it cannot be opened.
        RefusedError: The build was not validated by the run that it names, or did not pass.
    """
    started = time.perf_counter()
    if not warehouse.build.exists():
        raise CallError(f"there is nothing to publish: no {warehouse.build}; make run")
    try:
        with closing(connect(warehouse.build)) as con:
            _require_validation(con, run.validation_run_id)
            record(con, run, _newest_events(warehouse))
            with suppress(FileNotFoundError):  # a build that dbt did not make
                comment(con, warehouse.dbt_target / "manifest.json")
            summary = _summary(con)
            con.execute("checkpoint")
    except DatabaseError as error:
        raise CallError(f"{warehouse.build}: {str(error).splitlines()[0]}") from error
    if log_of(warehouse.build).exists():
        raise CallError(f"{warehouse.build} still has a log: something else writes to it")
    named = _named_raw_folders(_databases(warehouse))
    _sync(warehouse.build)
    set_aside = _set_aside(warehouse) if warehouse.another_platform.exists() else None
    if set_aside and warehouse.monitoring.exists():  # what it says is about the models set aside
        log = warehouse.monitoring
        dated = set_aside.stem.removeprefix(warehouse.published.stem)
        os.replace(log, log.with_name(f"{log.stem}{dated}{log.suffix}"))
    warehouse.another_platform.unlink(missing_ok=True)
    # a log left beside the published file belongs to that one; it must not meet the new file
    log_of(warehouse.published).unlink(missing_ok=True)
    os.utime(warehouse.build)
    os.replace(warehouse.build, warehouse.published)
    _sync(warehouse.root)
    _remove_unnamed_raw(warehouse, named)
    seconds = time.perf_counter() - started
    lines = [f"{summary} ({seconds:.1f} s) -> {short(warehouse.published)}"]
    if set_aside:
        lines.append(f"the warehouse of another platform is kept as {short(set_aside)}")
    show("publish", *lines)


def _newest_events(warehouse: Paths) -> dict[str, str]:
    """The last recorded event of raw tables, as landing found them; none if nothing is landed."""
    try:
        content = json.loads((warehouse.landed / "landed.json").read_text(encoding="utf-8"))
    except OSError:
        return {}
    events: dict[str, str] = content["newest_events"]
    return events


def _require_validation(con: Connection, run_id: str) -> None:
    """Refuses a build that the named run did not validate, or that did not pass."""
    tables = "select count(*) from duckdb_tables() where schema_name = 'quality'"
    if not scalar(con, f"{tables} and table_name = 'validation_results'"):
        raise RefusedError("this build was never validated; nothing was published")
    found = con.execute(
        "select severity, success, table_name, message from quality.validation_results"
        " where run_id = $1",
        [run_id],
    ).fetchall()
    if not found:
        raise RefusedError(f"this build was not validated by run {run_id}; nothing was published")
    errors = [row for row in found if row[0] == "error" and not row[1]]
    if errors:
        lines = "".join(f"\n  {table}  {message}" for *_, table, message in errors)
        raise RefusedError(f"validation failed; nothing was published{lines}")


def _summary(con: Connection) -> str:
    """Row counts of the main tables, and the timestamp that the build is for."""
    present = {
        name
        for (name,) in con.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
        ).fetchall()
    }
    counts = [
        f"{scalar(con, f'select count(*) from {name}'):,} {name.split('.')[1]}"
        for name in MAIN_TABLES
        if name in present
    ]
    as_of = scalar(con, "select as_of from core.warehouse_as_of")
    return ", ".join([*counts, f"as of {as_of:%d %b %Y, %H:%M} UTC"])


def _set_aside(warehouse: Paths) -> Path | None:
    """Gives the published file a second, dated name, which it keeps when it is replaced."""
    if not warehouse.published.exists():
        return None
    for path in _databases(warehouse):
        if path != warehouse.published and path.samefile(warehouse.published):
            return path  # a publish that was killed had come this far
    path = warehouse.root / f"escrow.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.duckdb"
    try:
        os.link(warehouse.published, path)
    except OSError:  # a file system without hard links
        shutil.copy2(warehouse.published, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)
    _sync(warehouse.root)
    return path


def _databases(warehouse: Paths) -> list[Path]:
    """All databases that people may read, and the build."""
    found = sorted(warehouse.root.glob("escrow*.duckdb"))
    return [*found, warehouse.build] if warehouse.build.exists() else found


def _named_raw_folders(databases: list[Path]) -> set[str] | None:
    """The folders of landed Parquet that views of these databases name; None if one is unknown."""
    named: set[str] = set()
    for path in databases:
        try:
            with closing(connect(path, read_only=True)) as con:
                views = con.execute("select sql from duckdb_views() where not internal").fetchall()
        except DatabaseError:
            return None
        named.update(*(re.findall(r"/raw/([0-9a-f]{16})/", sql) for (sql,) in views))
    return named


def _remove_unnamed_raw(warehouse: Paths, named: set[str] | None) -> None:
    """Removes landed Parquet that no database names any more.

    `named` was taken before the replacement: who still reads the replaced file keeps its views.
    """
    if named is None:
        return
    with suppress(OSError):
        for folder in warehouse.raw.iterdir():
            if re.fullmatch(r"[0-9a-f]{16}", folder.name) and folder.name not in named:
                shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main())
