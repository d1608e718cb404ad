"""Warehouses of the small world at many values of AS_OF, each built once per run; what differs."""

import math
import random
import shutil
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from tests.conftest import Workshop, only_worker
from tests.dbt_project.export import MICROSECOND, Row, Tables, export_at, last_event_at, write_csv
from tests.dbt_project.reference import Reference
from tests.dbt_project.world import BUSY
from tests.rebuilds import Template

KEYS = {
    "core.warehouse_as_of": ["as_of"],
    "core.dim_projects": ["project_id"],
    "core.fct_milestones": ["milestone_id"],
    "core.fct_escrow_transactions": ["transaction_id"],
    "core.escrow_balances": ["project_id"],
    "core.backer_balances": ["project_id", "backer_id"],
    "features.project_features": ["project_id", "snapshot_kind"],
    "features.milestone_features": ["milestone_id", "snapshot_kind"],
    "features.project_labels": ["project_id"],
    "features.milestone_labels": ["milestone_id"],
}
# and what they are built from; the views of ml would be empty, and cost a fifth of each build
MARTS = ("+marts.core", "+marts.features")


class Leak(NamedTuple):
    """A change of a model that lets it see what it must not."""

    model: str
    honest: str
    leaky: str


# What was known of other projects counts from their launch: the cut at AS_OF does not see it.
OUTCOME_FROM_LAUNCH = Leak(
    "intermediate/int_project_history.sql",
    "outcome_known_at as occurred_at,",
    "launched_at as occurred_at,",
)
# Votes after AS_OF are used: what a full export and one taken at AS_OF disagree about.
VOTES_UNCUT = Leak("staging/platform/stg_votes.sql", "where voted_at < {{ as_of() }}", "where true")


class Builds:
    """Warehouses by the export they were built from, their AS_OF and the leak planted in them."""

    def __init__(self, tables: Tables, folder: Path, workshop: Workshop) -> None:
        self.tables = tables
        self.folder = folder
        self._workshop = workshop
        self._read: dict[Path, Tables] = {}

    @cached_property
    def default_as_of(self) -> datetime:
        """What AS_OF is when nobody sets it."""
        return last_event_at(self.tables) + MICROSECOND

    def full(self, as_of: datetime | None = None, *, leak: Leak | None = None) -> Tables:
        """All tables built at `as_of` from all that was ever recorded."""
        return self.read(self.database(None, as_of, leak=leak))

    def cut(self, timestamp: datetime, *, leak: Leak | None = None) -> Tables:
        """All tables built at `timestamp` from an export taken then."""
        return self.read(self.database(timestamp, timestamp, leak=leak))

    def reference(self, as_of: datetime | None = None) -> Tables:
        """What all tables must hold at `as_of`."""
        return Reference(self.tables, as_of or self.default_as_of).tables()

    def database(
        self,
        export: datetime | None,
        as_of: datetime | None,
        *,
        leak: Leak | None = None,
        shuffled: bool = False,
    ) -> Path:
        """The warehouse with these properties, built by whichever worker asks first."""
        leaky = f"leaky-{Path(leak.model).stem}" if leak else "honest"
        parts = [
            leaky,
            *(
                f"{timestamp:%Y%m%dT%H%M%S.%f}" if timestamp else "all"
                for timestamp in (export, as_of)
            ),
        ]
        folder = self.folder / "-".join([*parts, "shuffled"] if shuffled else parts)
        database = folder / "escrow.duckdb"
        with only_worker(folder):
            if not database.exists():
                raw = export_at(self.tables, export) if export else self.tables
                data = write_csv(_shuffled(raw) if shuffled else raw, folder / "data")
                if shuffled:  # by dbt itself, to be compared
                    self._workshop.clear()
                    built = self._workshop.build(data, as_of=as_of, select=MARTS)
                else:
                    template = self._template(leak)
                    self._workshop.clear()
                    built = template.rebuild(self._workshop, data, as_of=as_of)
                shutil.move(built, database)
        return database

    def _template(self, leak: Leak | None) -> Template:
        """What dbt built of the project with this leak, or without any, for the first timestamp."""
        folder = self.folder / f"template-{Path(leak.model).stem if leak else 'honest'}"
        with only_worker(folder):
            if (folder / "manifest.json").exists():
                return Template.at(folder)
            self._workshop.clear()
            if leak is not None:
                plant(leak, self._workshop.project)
            data = write_csv(self.tables, folder / "data")
            return Template.build(self._workshop, data, folder, as_of=BUSY[0], select=MARTS)

    def read(self, database: Path) -> Tables:
        """The rows of every table that dbt built, by its name in the warehouse."""
        if database not in self._read:
            with duckdb.connect(str(database), read_only=True) as connection:
                self._read[database] = {
                    table: fetch(connection, f"select * from {table}")
                    for table in table_names(connection)
                }
        return self._read[database]


def plant(leak: Leak, project: Path) -> None:
    """Puts the leak into a copy of the dbt project."""
    path = project / "models" / leak.model
    sql = path.read_text(encoding="utf-8")
    assert sql.count(leak.honest) == 1, f"{leak.model} was rewritten: plant the leak anew"
    path.write_text(sql.replace(leak.honest, leak.leaky), encoding="utf-8")


def fetch(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    """The rows of a query by column name."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def table_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views of the schemas that dbt builds before anything is learned."""
    rows = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_schema in ('raw', 'staging', 'intermediate', 'core', 'features') order by 1"
    )
    return [name for (name,) in rows.fetchall()]


def differences(
    expected: Tables, actual: Tables, *, tables: list[str], tolerance: float = 0.0
) -> list[str]:
    """Each row, column and value in which the tables differ; floats may by a relative tolerance."""
    found = []
    for table in tables:
        wanted, given = _by_key(table, expected[table]), _by_key(table, actual[table])
        found += [f"{table} {key}: missing" for key in wanted.keys() - given.keys()]
        found += [f"{table} {key}: not expected" for key in given.keys() - wanted.keys()]
        for key in wanted.keys() & given.keys():
            for column in wanted[key].keys() | given[key].keys():
                values = wanted[key].get(column, "no column"), given[key].get(column, "no column")
                if not _are_equal(*values, tolerance):
                    found.append(f"{table} {key} {column}: {values[0]!r}, but is {values[1]!r}")
    return sorted(found)


def _by_key(table: str, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    keys = KEYS.get(table) or list(rows[0] if rows else [])
    keyed = {tuple(row[key] for key in keys): row for row in rows}
    assert len(keyed) == len(rows), f"{table}: {keys} is no key"
    return keyed


def _are_equal(expected: Any, actual: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=tolerance, abs_tol=0.0)
    return type(expected) is type(actual) and bool(expected == actual)


def _shuffled(tables: Tables) -> Tables:
    rng = random.Random(1)
    return {table: rng.sample(rows, len(rows)) for table, rows in tables.items()}
