"""Spark beside DuckDB, and whether every table is equal: writes docs/growing.md.

`python -m tests.benchmarks.spark [SCALE ...]` ends with 1 if a row differs. Without Java or
`make setup TARGET=spark` it says so and measures nothing.
"""

import ctypes
import os
import resource
import sys
import tempfile
from pathlib import Path

import duckdb

from pipeline.errors import CallError
from pipeline.settings import DEFAULTS
from pipeline.spark import check
from tests.benchmarks.whole_run import ROOT, measure, write_section
from tests.journeys.clone import WALL_CLOCK

SIZES = (1, 100)
# what is built with Spark, and the goal that comes before it
STEPS = {"features": "land", "insights": "online"}
SCHEMAS = ("core", "features", "insights")
GROWING = ROOT / "docs" / "growing.md"
PR_SET_CHILD_SUBREAPER = 36


def cost(command: str, folder: Path) -> float:
    """Runs the pipeline; returns the CPU seconds of all it started, with the JVM it leaves."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measure(f"{sys.executable} -m pipeline {command}", folder, ROOT)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def columns_of(build: Path) -> dict[str, list[tuple[str, str]]]:
    """Returns names and types of the columns of each table and view, without wall clocks."""
    with duckdb.connect(str(build), read_only=True) as con:
        found = con.execute(
            "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()"
            f" where schema_name in {SCHEMAS} order by all"
        ).fetchall()
    tables: dict[str, list[tuple[str, str]]] = {table: [] for table, *_ in found}
    for table, name, kind in found:
        if name not in WALL_CLOCK:
            tables[table].append((name, kind))
    return tables


def differing(one: Path, other: Path) -> dict[str, int]:
    """Counts the rows that only one of two builds has, by table and view.

    A table that is missing, or has other columns, counts as one row.
    """
    ours, theirs = columns_of(one), columns_of(other)
    counts = {table: 1 for table in ours.keys() ^ theirs.keys()}
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        for table in ours.keys() & theirs.keys():
            if ours[table] != theirs[table]:
                counts[table] = 1
                continue
            names = ", ".join(name for name, _ in ours[table])
            left, right = (f"select {names} from {build}.{table}" for build in ("one", "other"))
            only = f"(({left}) except all ({right})) union all (({right}) except all ({left}))"
            counts[table] = int(con.execute(f"select count(*) from ({only})").fetchall()[0][0])
    return counts


def rows_at(scale: int, folder: Path) -> list[str]:
    """Builds a platform on both and compares them; returns a row per step."""
    costs: dict[tuple[str, str], float] = {}
    for target in ("duckdb", "spark"):
        options = f"SCALE={scale} TARGET={target} WAREHOUSE={folder}/{target} SITE={folder}/site"
        for step, before in STEPS.items():
            cost(f"{before} {options}", folder)
            costs[step, target] = cost(f"{step} {options}", folder)
            print(f"SCALE={scale} {step} on {target}: {costs[step, target]:.1f}", flush=True)
    builds = [folder / target / "build" / "escrow.duckdb" for target in ("duckdb", "spark")]
    counts = differing(*builds)
    if unequal := {table: count for table, count in counts.items() if count}:
        sys.exit(f"spark: rows that differ at SCALE={scale}: {unequal}")
    with duckdb.connect(str(builds[0]), read_only=True) as con:
        pledges = con.execute("select count(*) from core.fct_pledges").fetchall()[0][0]
    rows = []
    for step in STEPS:
        ours, theirs = costs[step, "duckdb"], costs[step, "spark"]
        figures = f"{ours:.1f} | {theirs:.1f} | {theirs / ours:.0f} | all {len(counts)}"
        rows.append(f"| {step} | {scale} | {pledges:,} | {figures} |")
    return rows


def main() -> None:
    try:
        check(DEFAULTS["SPARK_MASTER"])
    except CallError as error:
        print(f"spark: not measured: {error}")
        return
    # a process whose parent has ended becomes a child of this one, which counts what it used
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    lines = [
        "| step | SCALE | pledges | DuckDB | Spark, `local[2]` | ratio | equal tables and views |",
        "|---|---|---|---|---|---|---|",
    ]
    for scale in [int(each) for each in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            lines += rows_at(scale, Path(folder))
    print("\n".join(lines))
    GROWING.write_text(write_section(GROWING.read_text(), "spark", "\n".join(lines)))


if __name__ == "__main__":
    main()
