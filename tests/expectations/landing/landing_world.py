"""A tiny export that keeps the whole contract, made for being broken in one place."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.landing import stage as land
from expectations.landing.contract import TABLE

Row = dict[str, str]
World = dict[str, list[Row]]

# Project 101 was funded and delivered, 102 was cancelled, 103 missed its goal.
TEXT = {
    "creators": """
creator_id,display_name,country,joined_at
1,"Ann ""A"" Ash",US,2023-01-01T00:00:00Z
2,Zoë,,2023-06-01T00:00:00Z
""",
    "backers": """
backer_id,country,joined_at
11,US,2023-01-01T00:00:00Z
12,,2024-01-02T10:00:00Z
13,DE,2023-02-01T00:00:00Z
""",
    "projects": """
project_id,creator_id,title,category,country,funding_goal,launched_at,deadline_at,cancelled_at,release_strategy
101,1,"Lamp, red",Design,US,100.00,2024-01-01T00:00:00Z,2024-01-31T00:00:00Z,,equal_tranches
102,2,Comic,Comics,,50.00,2024-02-01T00:00:00Z,2024-03-01T00:00:00Z,2024-02-10T00:00:00Z,
103,1,Boat,Technology,US,500.00,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z,,holdback_20
""",
    "pledges": """
pledge_id,project_id,backer_id,amount,pledged_at
1,101,11,60.00,2024-01-01T00:00:00Z
2,101,12,50.00,2024-01-02T10:00:00Z
3,102,13,5.00,2024-02-02T00:00:00Z
4,103,11,10.00,2024-03-02T00:00:00Z
""",
    "milestones": """
milestone_id,project_id,milestone_number,title,funding_amount,due_at,submitted_at,resolved_at,resolution
1001,101,1,Plan,60.00,2024-02-15T00:00:00Z,2024-02-10T00:00:00Z,2024-02-14T00:00:00Z,approved
1002,101,2,Lamp,40.00,2024-03-15T00:00:00Z,2024-03-10T00:00:00Z,2024-03-14T00:00:00Z,rejected
1003,102,1,Book,50.00,2024-04-01T00:00:00Z,,,
1004,103,1,Keel,400.00,2024-05-01T00:00:00Z,,,
1005,103,2,Boat,100.00,2024-06-01T00:00:00Z,,,
""",
    "votes": """
vote_id,milestone_id,backer_id,is_approval,voted_at
5001,1001,11,true,2024-02-11T00:00:00Z
5002,1001,12,false,2024-02-14T00:00:00Z
5003,1002,11,false,2024-03-11T00:00:00Z
""",
    "experiment_exposures": """
exposure_id,experiment,variant,backer_id,project_id,exposed_at,pledge_id
7001,highlight,plain,12,101,2024-01-02T10:00:00Z,
7002,highlight,bright,13,102,2024-02-01T12:00:00Z,3
7003,highlight,bright,13,103,2024-03-05T00:00:00Z,
""",
}


def world() -> World:
    """The tables as rows of text, to be changed at will."""
    return {name: list(csv.DictReader(io.StringIO(text.strip()))) for name, text in TEXT.items()}


def row(tables: World, table: str, key: int | str) -> Row:
    """The row of a table with a key."""
    return next(each for each in tables[table] if next(iter(each.values())) == str(key))


def like(tables: World, table: str, key: int, **values: str) -> None:
    """Adds a row like another one."""
    tables[table].append({**row(tables, table, key), **values})


def as_csv(rows: Sequence[Row], *, columns: Iterable[str] = (), line_end: str = "\n") -> str:
    """Rows as a CSV text; without rows the columns make its header."""
    text = io.StringIO()
    names = list(columns) or list(rows[0])
    writer = csv.DictWriter(text, names, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def header(table: str) -> list[str]:
    """The columns of a table."""
    return TEXT[table].strip().splitlines()[0].split(",")


def write(folder: Path, tables: World) -> Path:
    """Writes an export as CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        text = as_csv(rows, columns=header(name) if not rows else ())
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


@dataclass(frozen=True)
class LandingBench:
    """Where one test's landings read and write."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def seeds(self) -> Path:
        return self.warehouse / "landed" / "seeds"

    def land(self, *options: str, mode: str = "reject", run_id: str = "r1", as_of: str = "") -> int:
        """Lands the data folder and returns the exit code."""
        try:
            return land.main(
                [
                    *("--data", str(self.data), "--warehouse", str(self.warehouse)),
                    *("--on-bad-rows", mode, "--run-id", run_id, "--as-of", as_of, *options),
                ]
            )
        except SystemExit as exit:
            return int(str(exit.code))

    def violations(self, run_id: str = "r1") -> list[Row]:
        """What a refused landing reported."""
        path = self.warehouse / "rejected" / run_id / "violations.csv"
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))

    def violating(self, *, is_root: bool) -> set[tuple[str, str, str]]:
        """Table, rule and key of each reported violation."""
        return {
            (each["table"], each["rule"], each["key"])
            for each in self.violations()
            if each["is_root"] == str(is_root).lower()
        }

    def landed(self, table: str) -> list[tuple[Any, ...]]:
        """A landed table's rows in their order, by whichever way it goes on to dbt."""
        seed = self.seeds / f"{table}.csv"
        if seed.exists():
            return duckdb.execute(f"from read_csv('{seed}', all_varchar = true)").fetchall()
        (path,) = self.warehouse.glob(f"raw/*/{table}.parquet")
        return duckdb.execute(f"from '{path}'").fetchall()

    def quarantined(self) -> list[tuple[Any, ...]]:
        """Table, key, rule, reason, source and row of what the landing left out."""
        return duckdb.execute(
            f"from '{self.warehouse}/landed/quarantined_rows.parquet' order by all"
        ).fetchall()

    def files(self) -> dict[str, bytes]:
        """All files but reports of refused runs, with their content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.warehouse.rglob("*"))
            if path.is_file() and "rejected" not in path.parts
        }


def rewrite(bench: LandingBench, table: str, change: Callable[[bytes], bytes]) -> None:
    """Changes a file of the export byte by byte."""
    path = bench.data / f"{table}.csv"
    path.write_bytes(change(path.read_bytes()))


def to_parquet(bench: LandingBench, table: str, **values: str) -> None:
    """Writes a table as Parquet instead of CSV; `values` are SQL over the columns as text."""
    path = bench.data / f"{table}.csv"
    columns = ", ".join(
        f"{values.get(column.name, f'{column.name}::{column.type}')} as {column.name}"
        for column in TABLE[table].columns
        if not column.since
    )
    duckdb.execute(
        f"copy (select {columns} from read_csv('{path}', header = true, all_varchar = true))"
        f" to '{path.with_suffix('.parquet')}'"
    )
    path.unlink()


def listed(bench: LandingBench) -> dict[str, Any]:
    """What a landing tells the stages after it."""
    content = json.loads((bench.warehouse / "landed" / "landed.json").read_text())
    assert isinstance(content, dict)
    return content


def printed(bench: LandingBench, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a refused landing says, without the first line."""
    assert bench.land() == 1
    lines = capsys.readouterr().err.splitlines()
    assert max(len(line) for line in lines[1:] if "violations.csv" not in line) <= 120
    return lines[1:]
