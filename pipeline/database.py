"""How the pipeline opens databases: the only module of the package that touches DuckDB."""

import os
from pathlib import Path
from typing import Any

import duckdb

Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error

# Written by DuckDB 2 in the format that 1.5 clients read: people open the file with what they have.
STORAGE_VERSION = "v1.5.0"


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """Opens a database file; its time zone is UTC.

    Raises:
        DatabaseError: It is locked by a writer, or is no database.
    """
    config: dict[str, Any] = {"storage_compatibility_version": STORAGE_VERSION}
    if bound := os.environ.get("DUCKDB_MEMORY"):
        config |= {"memory_limit": bound, "allocator_background_threads": True}
    connection = duckdb.connect(str(path), read_only=read_only, config=config)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def literal(value: object) -> str:
    """A SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def scalar(connection: Connection, sql: str) -> Any:
    """The first value of a query's first row, None if it has no row."""
    row = connection.execute(sql).fetchone()
    return row[0] if row else None
