"""Where a warehouse's files lie, and how its databases are opened."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error

# Written by DuckDB 2 in the format that 1.5 clients read: people open the file with what they have.
STORAGE_VERSION = "v1.5.0"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The paths of one warehouse folder; all are absolute."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path) -> "Warehouse":
        """The warehouse in a folder, whether or not the folder is there yet."""
        return cls(Path(folder).resolve())

    @property
    def published(self) -> Path:
        """What people read."""
        return self.root / "escrow.duckdb"

    @property
    def build_folder(self) -> Path:
        """What the present run writes."""
        return self.root / "build"

    @property
    def build(self) -> Path:
        """The database of the present run; its stem is the catalog's name inside views."""
        return self.build_folder / "escrow.duckdb"

    @property
    def landed(self) -> Path:
        """What the last landing accepted, with `landed.json`, which lists it."""
        return self.root / "landed"

    @property
    def another_platform(self) -> Path:
        """Stands when the landed data are of another platform than the published file."""
        return self.build_folder / "another_platform"

    @property
    def raw(self) -> Path:
        """Large landed tables, one folder per content."""
        return self.root / "raw"

    @property
    def rejected(self) -> Path:
        """Reports of refused runs, one folder per run."""
        return self.root / "rejected"


def connect(
    path: Path, *, read_only: bool = False, settings: dict[str, Any] | None = None
) -> Connection:
    """Opens a database file; its time zone is UTC.

    Raises:
        duckdb.Error: It is locked by a writer, or is no database.
    """
    config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION}
    if bound := os.environ.get("DUCKDB_MEMORY"):
        # under it, what DuckDB has freed goes back to the machine at once
        config |= {"memory_limit": bound, "allocator_background_threads": True}
    con = duckdb.connect(str(path), read_only=read_only, config=config | (settings or {}))
    con.execute("set TimeZone = 'UTC'")
    return con


def literal(value: object) -> str:
    """A SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def scalar(con: Connection, sql: str) -> Any:
    """The first value of a query's first row, None if it has no row."""
    row = con.execute(sql).fetchone()
    return row[0] if row else None
