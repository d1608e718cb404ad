"""Features, ledger and landing beside the same by hand: writes docs/how-it-scales.md.

`python -m tests.benchmarks.side_by_side [SCALE ...]` ends at the first cell that differs. Polars is
measured where it is installed.
"""

import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pipeline.paths import Paths
from tests.benchmarks.whole_run import ROOT, SCALES, write_section
from tests.rebuilds import compiled

BY_HAND = Path(__file__).parent / "by_hand"
MART = "features.project_features"
# what each script adds to those before it: tables, and the keys by which they are compared
SCRIPTS = {
    "features": {MART: "project_id, snapshot_kind"},
    "milestones": {
        "features.project_labels": "project_id",
        "features.milestone_features": "milestone_id, snapshot_kind",
        "features.milestone_labels": "milestone_id",
    },
    "ledger": {
        "core.fct_escrow_transactions": "transaction_id",
        "core.escrow_balances": "project_id",
    },
}
SIZES, RUNS = (100, 1000), 2
FIRST_PARQUET = 10  # SCALE from which raw files are Parquet
# 0 / 0 is NULL in DuckDB and NaN elsewhere; `amount`, `goal` and `largest` are cents
FORMULAS = {
    **{name: name for name in ("project_id", "snapshot_kind", "snapshot_at")},
    "is_decided": "amount >= goal",
    **{name: name for name in ("category", "country")},
    "funding_goal": "goal / 100",
    "duration_days": "days",
    "launch_weekday": "weekday",
    "launch_month": "month",
    "prior_project_count": "by_n",
    "prior_outcome_count": "creator_n",
    "prior_success_ratio": "creator_ok / creator_n",
    "prior_on_time_ratio": "delivered_ok / delivered_n",
    "is_first_time_creator": "by_n < 1",
    "category_base_rate": "category_ok / category_n",
    "reputation_score": "(creator_ok + 2 * category_ok / category_n) / (creator_n + 2)",
    "elapsed_ratio": "elapsed / days",
    "pledge_count": "pledges",
    "unique_backer_count": "backers",
    "pledged_amount": "amount / 100",
    "funding_ratio": "amount / goal",
    "funding_velocity": "pledges / elapsed",
    "pace_ratio": "amount / goal / (elapsed / days)",
    "average_pledge_amount": "amount / 100 / pledges",
    "largest_pledge_ratio": "largest / amount",
    "pledge_count_last_24h": "last_day",
    "hours_since_last_pledge": "idle",
    "repeat_backer_ratio": "repeaters / backers",
}


# a row by its name: what stands in the table, and the row whose cost is 1
ROWS = {
    "features": (f"`{MART}`: the SQL that dbt compiled", "features by hand"),
    "features by hand": ("the same by hand, DuckDB", "features by hand"),
    "polars": ("the same by hand, Polars", "features by hand"),
    "pandas": ("the same by hand, pandas", "features by hand"),
    "milestones": ("all features and labels: the SQL that dbt compiled", "milestones by hand"),
    "milestones by hand": ("the same by hand, DuckDB", "milestones by hand"),
    "ledger": ("these and the ledger: the SQL that dbt compiled", "ledger by hand"),
    "ledger by hand": ("the same by hand, DuckDB", "ledger by hand"),
    "scan": ("one scan of the pledges: count, sum, distinct backers", "features by hand"),
    "load": ("`create table as` of all raw files", "load"),
    "land": ("landing, start of its process included", "load"),
}


def run(name: str, warehouse: Path, raw: Path, out: Path) -> float:
    """Runs one of the rows in this process; returns its CPU seconds."""
    source, catalog = warehouse / "build/escrow.duckdb", "escrow" if name in SCRIPTS else "made"
    with duckdb.connect(str(source), read_only=True) as con:
        as_of = con.execute("select as_of from core.warehouse_as_of").fetchall()[0][0]
    if name in ("polars", "pandas"):
        make = import_module(f"tests.benchmarks.by_hand.with_{name}").make
        started = time.process_time()
        pq.write_table(make(raw, as_of.replace(tzinfo=UTC), FORMULAS), out / "made.parquet")
        return time.process_time() - started
    if name in SCRIPTS:
        shutil.copy(source, out)
        statements = compiled_for(tables_of(name), warehouse)
    else:
        statements = by_hand(name, raw, as_of)
    con = duckdb.connect(config={"threads": 2})
    con.execute(f"set TimeZone = 'UTC'; attach '{out}/{catalog}.duckdb' (storage_version 'v1.5.0')")
    started = time.process_time()
    con.execute("; ".join([f"use {catalog}", *statements, f"checkpoint {catalog}"]))
    return time.process_time() - started


def scripts_to(name: str) -> list[str]:
    """Returns a script and those it needs; none for what writes none of the tables."""
    names, last = [*SCRIPTS], name.removesuffix(" by hand")
    return names[: names.index(last) + 1] if last in names else []


def tables_of(name: str) -> dict[str, str]:
    """Returns the tables that a row makes, with their keys."""
    made = [SCRIPTS[script] for script in scripts_to(name) or ["features"]]
    return {table: keys for tables in made for table, keys in tables.items()}


def by_hand(name: str, raw: Path, as_of: datetime) -> list[str]:
    if name == "load":
        return [f"create table {path.stem} as from '{path}'" for path in raw.glob("*.parquet")]
    if name == "scan":
        sums = "count(*), sum(amount), count(distinct backer_id)"
        return [f"create table n as select {sums} from '{raw}/pledges.parquet' group by project_id"]
    values = {
        "columns": ", ".join(f'{formula} as "{column}"' for column, formula in FORMULAS.items()),
        "raw": raw,
        "as_of": f"timestamp '{as_of}'",
        # only the ledger asks what each backer gave
        "money": ", cast(sum(amount) * 100 as bigint) as cents" if "ledger" in name else "",
    }
    scripts = [(BY_HAND / f"{script}.sql").read_text() for script in scripts_to(name)]
    return [script.format(**values).rstrip(";\n") for script in scripts]


def compiled_for(tables: Iterable[str], warehouse: Path) -> list[str]:
    """Returns the statements of tables and of all tables they are built from."""
    models = compiled(Paths.at(str(warehouse), "").dbt_target / "manifest.json")
    needed, read = {*tables}, re.compile(r'"escrow"\."(\w+)"\."(\w+)"')
    for model in reversed(models):
        if model.name in needed:
            needed |= {".".join(each) for each in read.findall(model.sql)}
    made = [each for each in models if each.name in needed and each.is_table]
    return [f"create or replace table {each.name} as {each.sql}" for each in made]


def differing(name: str, warehouse: Path, out: Path) -> int:
    """Counts the cells of a row's tables that are not ours; a relative 1e-12 of a number is none.

    Rows that come twice count as cells, too.
    """
    con = duckdb.connect(str(warehouse / "build/escrow.duckdb"), read_only=True)
    con.execute("set TimeZone = 'UTC'")
    for file in ("made", "escrow"):
        if (made := out / f"{file}.duckdb").exists():
            con.execute(f"attach '{made}' as made (read_only)")
    count = 0
    for table, keys in tables_of(name).items():
        theirs = f"made.{table if name in SCRIPTS else table.split('.')[1]}"
        if name in ("polars", "pandas"):
            theirs = f"'{out}/made.parquet'"
        cells = []
        for column, kind, *_ in con.execute(f"describe {table}").fetchall():
            one, other = f'ours."{column}"', f'theirs."{column}"'
            if kind.startswith(("DOUBLE", "BIGINT", "DECIMAL")):
                one, other = f"{one}::double", f"if(isnan({other}::double), null, {other}::double)"
                other = f"if(abs({one} - {other}) <= 1e-12 * abs({one}), {one}, {other})"
            cells.append(f"count(*) filter ({one} is distinct from {other})")
        rows = f"{table} as ours full join {theirs} as theirs using ({keys})"
        sizes = f"abs((select count(*) from {theirs}) - (select count(*) from {table}))"
        found = con.execute(f"select {' + '.join([*cells, sizes])} from {rows}").fetchall()
        count += int(found[0][0])
    return count


def call(*command: str) -> str:
    command = (sys.executable, "-m", *command)
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def measure(name: str, warehouse: Path, raw: Path) -> tuple[float, int]:
    """Runs a row in a process of its own; returns its CPU seconds, and MiB at its peak."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(dir=warehouse) as out:
        if name == "land":
            options = ("--as-of", "", "--on-bad-rows", "reject", "--run-id", "bench")
            call("expectations.landing", "--data", str(raw), "--warehouse", out, *options)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 0
        said = call("tests.benchmarks.side_by_side", name, str(warehouse), str(raw), out)
        if name not in ("scan", "load"):
            # in a process of its own: the peak of this one would be that of all it starts later
            options = (name, str(warehouse), out)
            if cells := int(call("tests.benchmarks.side_by_side", "differing", *options)):
                sys.exit(f"{name}: {cells:,} cells differ")
    cpu, peak = json.loads(said)
    return cpu, peak


def lines_of(scale: int, warehouse: Path) -> Iterator[str]:
    options = (f"SCALE={scale}", f"WAREHOUSE={warehouse}", f"SITE={warehouse}/site")
    call("pipeline", "features", *options)
    raw = next((warehouse / "generated").iterdir())
    names = [name for name in ROWS if name != "polars" or find_spec("polars")]
    rounds = [{name: measure(name, warehouse, raw) for name in names} for _ in range(RUNS)]
    best = {name: min(each[name] for each in rounds) for name in names}
    for name, (cpu, peak) in best.items():
        meaning, base = ROWS[name]
        ratio = cpu / best[base][0]
        memory = f"{peak:,}" if peak else "-"
        yield f"| {scale:,} | {meaning} | {cpu:.2f} | {ratio:.2f} | {memory} |"


def main() -> None:
    lines = ["| SCALE | | CPU s | ratio | peak MiB |", "|---|---|---|---|---|"]
    scales = [int(each) for each in sys.argv[1:]] or SIZES
    if min(scales) < FIRST_PARQUET:
        sys.exit(f"side_by_side: below SCALE={FIRST_PARQUET} raw files are CSV; it reads Parquet")
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            lines += lines_of(scale, Path(folder))
    print("\n".join(lines))
    SCALES.write_text(write_section(SCALES.read_text(), "side_by_side", "\n".join(lines)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["differing"]:
        print(differing(sys.argv[2], *map(Path, sys.argv[3:])))
    elif sys.argv[1:2] and sys.argv[1] in ROWS:
        cpu = run(sys.argv[1], *map(Path, sys.argv[2:]))
        print(json.dumps([cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
    else:
        main()
