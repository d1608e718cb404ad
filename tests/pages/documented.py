"""Tables as dbt documents them: empty, then filled by hand."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

MARTS = Path(__file__).parents[2] / "dbt_project/models/marts"
SCHEMAS = ("core", "insights")


@cache
def _statements() -> str:
    made = []
    for schema in SCHEMAS:
        made.append(f"create schema if not exists {schema}")
        text = (MARTS / schema / f"_{schema}__models.yml").read_text()
        for model in yaml.load(text, yaml.CSafeLoader)["models"]:
            columns = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
            made.append(f"create table if not exists {schema}.{model['name']} ({columns})")
    return ";".join(made)


def create(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
    """Creates the tables of core and insights that are not there yet, and adds rows.

    A column that a row does not name is NULL.
    """
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"begin; {_statements()}")
        for table, values in (rows or {}).items():
            for row in values:
                names, places = ", ".join(row), ", ".join("?" * len(row))
                statement = f"insert into {table} ({names}) values ({places})"
                connection.execute(statement, list(row.values()))
        connection.execute("commit")


def sql(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Runs statements; returns the rows of the last one."""
    with duckdb.connect(str(path)) as connection:
        return connection.execute(statement).fetchall()
