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
from expectations.land_check import Court, check_between_rows, check_rows
from expectations.land_read import FileProblem, find_files, read_tables
from expectations.land_report import (
    Finding,
    build_report,
    counted,
    describe,
    describe_problems,
    findings,
    write_rejection,
)
from expectations.land_write import (
    LandedTable,
    Platform,
    as_of_data,
    compare_platform,
    dbt_properties,
    write_build,
    write_landing,
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
            court = _check(con, call, files, started)
            lines = _write(court, call, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{'land':<10} {lines[0]} ({time.perf_counter() - started:.1f} s) -> {call.seeds}")
    for line in lines[1:]:
        print(MARGIN + line)


def _check(con: Connection, call: Call, files: dict[str, Path], started: float) -> Court:
    """Judges all rows; returns the court that did, if what was found may be quarantined."""
    problems = read_tables(con, files)
    unreadable = {problem.table for problem in problems}
    court = check_rows(con, [table for table in TABLES if table.name not in unreadable])
    if not problems:
        check_between_rows(court)
    build_report(con, files, problems)
    found = findings(con)
    if problems or (found and not call.is_quarantining):
        raise RefusedError(_refusal(con, call, found, problems, started))
    return court


def _refusal(
    con: Connection,
    call: Call,
    found: list[Finding],
    problems: list[FileProblem],
    started: float,
) -> str:
    """Writes the report of a refused landing and returns what to print."""
    roots = [each for each in found if each.is_root]
    what = (
        f"{counted(len({each.file for each in problems}), 'file')} of {call.data}"
        " cannot be read as it should"
        if problems
        else f"{counted(sum(each.row_count for each in roots), 'violation')} of"
        f" {counted(len({each.rule for each in roots}), 'rule')} in {call.data}"
    )
    lines = [
        f"{what}; nothing was changed ({time.perf_counter() - started:.1f} s)",
        *describe_problems(problems),
        *describe(found, is_root=True),
    ]
    if problems:
        lines.append("  references and rules between rows were not checked")
    follow = sum(each.row_count for each in found if not each.is_root)
    if follow:
        lines.append(f"  {follow:,} more follow from these when they are quarantined:")
        lines += describe(found, is_root=False)
    folder = call.warehouse.rejected / call.run_id
    lines.append(f"  all keys: {folder / 'violations.csv'}")
    if not problems:
        lines.append(
            "  correct the export, or leave these rows (and what hangs on them) out"
            " with ON_BAD_ROWS=quarantine"
        )
    text = "\n".join(lines)
    write_rejection(con, folder, f"run {call.run_id}: {text}")
    return text


def _write(court: Court, call: Call, work: Path) -> list[str]:
    """Writes all results aside, then swaps them in; returns what to print."""
    con = court.con
    as_of = call.as_of or as_of_data(con)
    if as_of is None:
        raise CallError(
            f"{call.data} holds no event, so no moment to build for: say one, e.g."
            " AS_OF=2024-01-01T00:00:00Z"
        )
    landed = [write_table(con, table, work) for table in TABLES]
    files = [*landed, write_landing(as_of, work)]
    (work / "raw.yml").write_text(dbt_properties(files, call.warehouse.raw), encoding="utf-8")
    platform, has_history = Platform(), call.warehouse.published.exists()
    if has_history:
        platform = _compare(con, call.warehouse)
        has_history = not platform.contradicting
    write_build(con, work / "escrow.duckdb", run_id=call.run_id, has_history=has_history)
    in_parquet = [each.table.name for each in landed if each.folder]
    (work / "landed.env").write_text(
        f"ESCROW_PARQUET_TABLES='{','.join(in_parquet)}'\n"
        f"ESCROW_LANDED_AT='{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'\n",
        encoding="utf-8",
    )
    _swap_in(call, work, files, is_another_platform=bool(platform.contradicting))
    quarantined = court.fallen_count + scalar(con, "select count(*) from unreadable_lines")
    found = findings(con)
    return [
        f"{len(landed)} tables, {sum(each.row_count for each in landed):,} rows passed,"
        f" {quarantined:,} quarantined",
        f"as of {as_of}" + (f"; as Parquet: {', '.join(in_parquet)}" if in_parquet else ""),
        *_about_platform(platform),
        *(line[2:] for line in describe(found, is_root=True)),
        *(line[2:] for line in describe(found, is_root=False)),
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
