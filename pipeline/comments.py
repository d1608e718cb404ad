"""Comments on tables and columns: what the dbt project says of them, where BI tools show it."""

import json
from pathlib import Path

from pipeline.database import Connection, literal


def comment(con: Connection, manifest: Path) -> None:
    """Comments on each table, view and column that has a description, in one transaction.

    What the project no longer describes keeps its comment; there is no such table in a new build.

    Raises:
        OSError: There is no manifest.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    nodes = {
        (node["schema"], node["name"]): node
        for node in (*content["nodes"].values(), *content["sources"].values())
        if node["resource_type"] in ("model", "seed", "source")
    }
    found = con.execute(
        "select schema_name, table_name, 'table' from duckdb_tables()"
        " union all select schema_name, view_name, 'view' from duckdb_views() where not internal"
    ).fetchall()
    columns = con.execute(
        "select schema_name, table_name, list(column_name) from duckdb_columns() where not internal"
        " group by all"
    ).fetchall()
    present = {(schema, table): names for schema, table, names in columns}
    con.execute("begin")
    for schema, name, kind in found:
        if node := nodes.get((schema, name)):
            table = f'{schema}."{name}"'
            _say(con, f"{kind} {table}", node["description"])
            for column in present[schema, name]:
                described = node["columns"].get(column, {})
                _say(con, f'column {table}."{column}"', described.get("description"))
    con.execute("commit")


def _say(con: Connection, what: str, text: str | None) -> None:
    if text:
        con.execute(f"comment on {what} is {literal(text.strip())}")
