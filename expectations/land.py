"""The first gate: lets an export in, or says exactly which of its rows break the contract."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from expectations.contract import TABLES
from expectations.errors import CallError, Parser, RefusedError, exit_code
from expectations.land_check import check_between_rows, check_rows
from expectations.land_read import find_files, read_tables
from expectations.land_report import (
    about_quarantine,
    build_report,
    refusal,
    write_rejection,
)
from expectations.land_rows import RowChecker
from expectations.land_write import (
    LandedTable,
    Platform,
    as_of_data,
    compare_platform,
    dbt_properties,
    write_build,
    write_table,
)
from expectations.warehouse import Connection, DatabaseError, Warehouse, connect, scalar

MEMORY_LIMIT = "1500MB"
MARGIN = " " * 11


@dataclass(frozen=True, slots=True)
class Call:
    """What a landing is asked to do; `as_of` is None where the data are to say it."""

    data: Path
    warehouse: Warehouse
    seeds: Path
    as_of: str | None
    is_quarantining: bool
    run_id: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a landing from the command line and returns its exit code."""
    return exit_code("land", lambda: land(_parse(arguments)))


def land(call: Call) -> None:
    """Checks an export and puts what passes where dbt finds it.

    Raises:
        CallError: A file is missing, or nothing says for which moment to build.
        RefusedError: Rows break the contract, and they are not to be quarantined.
    """
    started = time.perf_counter()
    files = find_files(call.data)
    work = call.warehouse.build_folder / "landing"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        settings = {"memory_limit": MEMORY_LIMIT, "temp_directory": str(work / "spill")}
        with closing(connect(work / "scratch.duckdb", settings=settings)) as con:
            checker = _check(con, call, files, started)
            lines = _write(checker, call, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{'land':<10} {lines[0]} ({time.perf_counter() - started:.1f} s) -> {call.seeds}")
    for line in lines[1:]:
        print(MARGIN + line)


def _check(con: Connection, call: Call, files: dict[str, Path], started: float) -> RowChecker:
    """Checks all rows; returns the row checker, if what was found may be quarantined."""
    problems = read_tables(con, files)
    checker = check_rows(con, {problem.table for problem in problems})
    check_between_rows(checker)
    build_report(con, files, problems)
    if problems or (checker.cause_bits and not call.is_quarantining):
        folder = call.warehouse.rejected / call.run_id
        text = refusal(checker, problems, call.data, folder, time.perf_counter() - started)
        write_rejection(con, folder, f"run {call.run_id}: {text}")
        raise RefusedError(text)
    return checker


def _write(checker: RowChecker, call: Call, work: Path) -> list[str]:
    """Writes all results aside, then swaps them in; returns what to print."""
    con = checker.con
    as_of = call.as_of or as_of_data(con)
    if as_of is None:
        raise CallError(
            f"{call.data} holds no event, so no moment to build for: say one, e.g."
            " AS_OF=2024-01-01T00:00:00Z"
        )
    landed = [write_table(con, table, work) for table in TABLES]
    (work / "raw.yml").write_text(dbt_properties(landed, call.warehouse.raw), encoding="utf-8")
    platform, has_history = Platform(), call.warehouse.published.exists()
    if has_history:
        platform = _compare(con, call.warehouse)
        has_history = not platform.contradicting
    write_build(con, work / "escrow.duckdb", run_id=call.run_id, has_history=has_history)
    in_parquet = [each.table.name for each in landed if each.folder]
    (work / "landed.env").write_text(
        f"ESCROW_AS_OF='{as_of}'\n"
        f"ESCROW_PARQUET_TABLES='{','.join(in_parquet)}'\n"
        f"ESCROW_LANDED_AT='{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'\n",
        encoding="utf-8",
    )
    _swap_in(call, work, landed, is_another_platform=bool(platform.contradicting))
    quarantined = checker.rejected_count + scalar(con, "select count(*) from unreadable_lines")
    return [
        f"{len(landed)} tables, {sum(each.row_count for each in landed):,} rows passed,"
        f" {quarantined:,} quarantined",
        f"as of {as_of}" + (f"; as Parquet: {', '.join(in_parquet)}" if in_parquet else ""),
        *_about_platform(platform),
        *about_quarantine(checker),
    ]


def _compare(con: Connection, warehouse: Warehouse) -> Platform:
    try:
        return compare_platform(con, warehouse)
    except DatabaseError as error:
        raise CallError(
            f"{warehouse.published} cannot be read, so its history cannot be carried over;"
            f" close what writes to it, or move it away: {str(error).splitlines()[0]}"
        ) from error


def _about_platform(platform: Platform) -> list[str]:
    examples = ", ".join(str(each) for each in platform.example)
    if platform.contradicting:
        return [
            f"this is another platform: {platform.contradicting:,} published projects have another"
            f" creator or launch now ({examples}); a new history begins, and publish sets the old"
            " warehouse aside"
        ]
    if platform.missing:
        return [
            f"warning: {platform.missing:,} published projects are not in these data ({examples});"
            " their history stays"
        ]
    return []


def _swap_in(
    call: Call, work: Path, landed: list[LandedTable], *, is_another_platform: bool
) -> None:
    """Puts the written files in place; `landed.env` goes first and comes last."""
    warehouse = call.warehouse
    warehouse.landed_env.unlink(missing_ok=True)
    for each in landed:
        folder = warehouse.raw / each.folder
        if each.folder and not folder.exists():
            aside = work / each.folder
            aside.mkdir()
            each.file.rename(aside / each.file.name)
            warehouse.raw.mkdir(exist_ok=True)
            aside.rename(folder)
    call.seeds.mkdir(parents=True, exist_ok=True)
    for each in landed:
        seed = call.seeds / f"{each.table.name}.csv"
        if each.folder:
            seed.unlink(missing_ok=True)
        else:
            _replace(each.file, seed)
    _replace(work / "raw.yml", call.seeds / "raw.yml")
    warehouse.another_platform.unlink(missing_ok=True)
    if is_another_platform:
        warehouse.another_platform.touch()
    # the log of a build that was killed would be replayed into the new one
    warehouse.build.with_name("escrow.duckdb.wal").unlink(missing_ok=True)
    os.replace(work / "escrow.duckdb", warehouse.build)
    os.replace(work / "landed.env", warehouse.landed_env)


def _replace(source: Path, target: Path) -> None:
    """Replaces a file in one step, also across file systems."""
    aside = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, aside)
    os.replace(aside, target)


def _parse(arguments: Sequence[str] | None) -> Call:
    parser = Parser(prog="land", description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="folder of the export")
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    parser.add_argument("--seeds", required=True, type=Path, help="dbt's folder of seeds")
    parser.add_argument("--as-of", default="", help="ISO 8601, UTC; empty: after the last event")
    parser.add_argument("--on-bad-rows", default="reject", choices=("reject", "quarantine"))
    parser.add_argument("--run-id", required=True, help="names this run in reports and tables")
    options = parser.parse_args(arguments)
    if not options.run_id or Path(options.run_id).name != options.run_id:
        parser.error(f"run id {options.run_id!r} is no name for a folder")
    return Call(
        options.data,
        Warehouse.at(options.warehouse),
        options.seeds,
        _parse_moment(options.as_of),
        options.on_bad_rows == "quarantine",
        options.run_id,
    )


def _parse_moment(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CallError(
            f"AS_OF={text} is no moment: give ISO 8601, e.g. 2024-01-01T00:00:00Z"
        ) from error
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


if __name__ == "__main__":
    sys.exit(main())
