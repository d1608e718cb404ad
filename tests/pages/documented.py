"""Tables as dbt documents them: empty, then filled by hand."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

MODELS = Path(__file__).parents[2] / "dbt_project/models"
# some tables of insights are documented beside the columns of ml that they repeat
DOCUMENTED = (
    MODELS / "marts/core/_core__models.yml",
    MODELS / "marts/features/_features__models.yml",
    MODELS / "marts/insights/_insights__models.yml",
    MODELS / "staging/ml/_ml__models.yml",
)


SCHEMAS = ("core", "features", "insights")


@cache
def _statements() -> str:
    made = [f"create schema if not exists {schema}" for schema in SCHEMAS]
    for path in DOCUMENTED:
        for model in yaml.load(path.read_text(), yaml.CSafeLoader)["models"]:
            for schema in SCHEMAS:
                if (MODELS / "marts" / schema / f"{model['name']}.sql").exists():
                    columns = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
                    table = f"{schema}.{model['name']}"
                    made.append(f"create table if not exists {table} ({columns})")
    return ";".join(made)


def create(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
    """Creates the tables of core, features and insights that are not there yet, and adds rows.

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
