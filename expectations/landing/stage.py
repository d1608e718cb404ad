"""The stage landing: accepts an export, or reports exactly which rows violate the contract."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from expectations.errors import CallError, Parser, RefusedError, exit_code
from expectations.landing.checks import check_between_rows, check_rows
from expectations.landing.contract import TABLES
from expectations.landing.reading import find_files, read_tables
from expectations.landing.report import about_quarantine, build_report, refusal, write_rejection
from expectations.landing.rows import RowChecker
from expectations.landing.writing import (
    LandedTable,
    as_of_data,
    dbt_properties,
    first_launch,
    has_even_row_groups,
    is_whole,
    newest_events,
    write_landing,
    write_macro,
    write_quarantined,
    write_table,
)
from expectations.screen import short, show
from expectations.warehouse import Connection, Warehouse, connect, scalar

Stamps = dict[str, tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a landing; `as_of` is None: taken from the data.

    Without `is_seeding` every table is written as Parquet, however small.
    """

    data: Path
    warehouse: Warehouse
    as_of: str | None
    is_quarantining: bool
    run_id: str
    is_seeding: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a landing from the command line and returns its exit code."""
    return exit_code("land", lambda: land(_parse(arguments)))


def land(options: Options) -> None:
    """Checks an export and puts what passes where dbt finds it.

    Raises:
        CallError: A file is missing or changes meanwhile, no timestamp to build for is given or
            found, or it is not after the first launch.
        RefusedError: Rows break the contract, and they are not to be quarantined.
    """
    started = time.perf_counter()
    files = find_files(options.data)
    stamps = {name: _stamp(path) for name, path in files.items()}
    work = options.warehouse.build_folder / "landing"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        settings = {"temp_directory": str(work / "spill")}
        with closing(connect(work / "scratch.duckdb", settings=settings)) as con:
            checker = _check(con, options, files, stamps, started)
            lines = _write(checker, options, files, stamps, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    where = options.warehouse.landed
    seconds = time.perf_counter() - started
    show("land", f"{lines[0]} ({seconds:.1f} s) -> {short(where)}", *lines[1:])


def _check(
    con: Connection, options: Options, files: dict[str, Path], stamps: Stamps, started: float
) -> RowChecker:
    """Checks all rows; returns the row checker, if what was found may be quarantined."""
    problems = read_tables(con, files)
    checker = check_rows(con, {problem.table for problem in problems})
    check_between_rows(checker)
    build_report(con, files, problems)
    if problems or (checker.cause_bits and not options.is_quarantining):
        _require_unchanged(options.data, files, stamps)
        folder = options.warehouse.rejected / options.run_id
        text = refusal(checker, problems, options.data, folder, time.perf_counter() - started)
        write_rejection(con, folder, f"run {options.run_id}: {text}")
        raise RefusedError(text)
    return checker


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one that replaced it; None if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_ino, found.st_mtime_ns


def _require_unchanged(data: Path, files: dict[str, Path], stamps: Stamps) -> None:
    if changed := [path.name for name, path in files.items() if _stamp(path) != stamps[name]]:
        raise CallError(
            f"{', '.join(changed)} in {data} changed while being read; nothing was"
            " changed here: run again"
        )


def _write(
    checker: RowChecker,
    options: Options,
    files: dict[str, Path],
    stamps: Stamps,
    work: Path,
) -> list[str]:
    """Writes all results aside, then swaps them in; returns what to print."""
    con = checker.con
    newest = newest_events(con)
    as_of = options.as_of or as_of_data(newest)
    if as_of is None:
        raise CallError(
            f"{options.data} holds no event, so no timestamp to build for: give one, e.g."
            " AS_OF=2024-01-01T00:00:00Z"
        )
    first = first_launch(con)
    if first and datetime.fromisoformat(as_of) <= first:
        raise CallError(
            f"AS_OF={as_of} is not after the first launch ({first}): the warehouse would have no"
            " project. Give a later one"
        )
    is_seeding = options.is_seeding
    # a table in the order of its key, of which no row is left out, need not be sorted
    rising = checker.rising - checker.rejected_counts.keys()
    ordered = {name for name in rising & files.keys() if has_even_row_groups(con, files[name])}
    landed = [
        write_table(con, table, work, is_seeding=is_seeding, is_ordered=table.name in ordered)
        for table in TABLES
    ]
    landing = write_landing(con, as_of, options.run_id, work, is_seeding=is_seeding)
    seeds = work / "landed" / "seeds"
    seeds.mkdir(parents=True)
    for each in [*landed, landing]:
        if not each.folder:
            place = each.place(options.warehouse).relative_to(options.warehouse.landed)
            each.file.rename(seeds.parent / place)
    properties = dbt_properties([*landed, landing], options.warehouse)
    (seeds / "raw.yml").write_text(properties, encoding="utf-8")
    write_macro([*landed, landing], seeds.parent / "macros")
    write_quarantined(con, seeds.parent / "quarantined_rows.parquet")
    _list(options, as_of, landed, newest, seeds.parent / "landed.json")
    # Parquet is read where it lies, more than once: what is written must be what was checked
    _require_unchanged(options.data, files, stamps)
    _swap_in(options, work, landed)
    quarantined = checker.rejected_count + scalar(con, "select count(*) from unreadable_lines")
    in_parquet = [each.table.name for each in landed if each.folder]
    return [
        f"{len(landed)} tables, {sum(each.row_count for each in landed):,} rows accepted,"
        f" {quarantined:,} quarantined",
        f"as of {datetime.fromisoformat(as_of):%d %b %Y, %H:%M} UTC"
        + (f"; as Parquet: {', '.join(in_parquet)}" if in_parquet else ""),
        *about_quarantine(checker),
    ]


def _list(
    options: Options,
    as_of: str,
    landed: list[LandedTable],
    events: dict[str, str],
    path: Path,
) -> None:
    """Writes what the later steps must know of a landing; all paths are those after the swap."""
    tables = {each.table.name: str(each.place(options.warehouse)) for each in landed}
    content = {
        "as_of": as_of,
        "run_id": options.run_id,
        "landed_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}",
        "newest_events": events,
        "tables": tables,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _swap_in(options: Options, work: Path, landed: list[LandedTable]) -> None:
    """Puts the written files in place; without the folder `landed` nothing counts as landed."""
    warehouse = options.warehouse
    for each in landed:
        folder = warehouse.raw / each.folder
        if each.folder and not is_whole(folder / each.file.name, each.folder):
            aside = work / each.folder
            aside.mkdir()
            each.file.rename(aside / each.file.name)
            warehouse.raw.mkdir(exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
    if warehouse.landed.exists():
        warehouse.landed.rename(work / "before")
    os.replace(work / "landed", warehouse.landed)


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = Parser(prog="land", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder of the export")
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    parser.add_argument("--as-of", default="", help="ISO 8601, UTC; empty: after the last event")
    parser.add_argument("--on-bad-rows", default="reject", choices=("reject", "quarantine"))
    parser.add_argument("--without-seeds", action="store_true", help="write every table as Parquet")
    parser.add_argument("--run-id", required=True, help="names this run in reports and tables")
    parsed = parser.parse_args(arguments)
    if not parsed.run_id or Path(parsed.run_id).name != parsed.run_id:
        parser.error(f"run id {parsed.run_id!r} is no name for a folder")
    return Options(
        parsed.data,
        Warehouse.at(parsed.warehouse),
        _parse_timestamp(parsed.as_of),
        parsed.on_bad_rows == "quarantine",
        parsed.run_id,
        not parsed.without_seeds,
    )


def _parse_timestamp(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        timestamp = datetime.fromisoformat(text.strip())
        if timestamp.tzinfo is not None:
            timestamp = timestamp.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CallError(
            f"AS_OF={text} is no timestamp: give ISO 8601, e.g. 2024-01-01T00:00:00Z"
        ) from error
    return timestamp.replace(tzinfo=None).isoformat(" ", "microseconds")
