"""Descriptions of the dbt project become comments that every client of the database can read."""

import json
from pathlib import Path

import duckdb

from pipeline.comments import comment


def described(kind: str, table: str, description: str, **columns: str) -> dict[str, object]:
    schema, name = table.split(".")
    return {
        "resource_type": kind,
        "schema": schema,
        "name": name,
        "description": description,
        "columns": {
            column: {"name": column, "description": text} for column, text in columns.items()
        },
    }


def test_tables_views_and_columns_carry_what_the_project_says_of_them(tmp_path: Path) -> None:
    nodes = [
        described("model", "core.dim_projects", "One row per project.", title="Creator's\nword"),
        described("model", "core.balances", "", held="Money in escrow."),
        described("model", "core.gone", "Not built.", held="Nothing."),
        described("test", "core.dim_projects", "A test."),
    ]
    sources = [described("source", "ml.predictions", "What was predicted.\n", score="A share.")]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({"nodes": dict(enumerate(nodes)), "sources": dict(enumerate(sources))})
    )
    with duckdb.connect(str(tmp_path / "escrow.duckdb")) as con:
        con.execute("create schema core; create schema ml")
        con.execute("create table core.dim_projects (title varchar, unknown varchar)")
        con.execute("create view core.balances as select 1 as held")
        con.execute("create table ml.predictions (score double)")
        con.execute("create table ml.unknown (score double)")
        comment(con, manifest)
    with duckdb.connect(str(tmp_path / "escrow.duckdb"), read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name, comment from duckdb_tables()"
            " union all select schema_name, view_name, comment from duckdb_views()"
            " where not internal order by all"
        ).fetchall()
        columns = con.execute(
            "select table_name, column_name, comment from duckdb_columns() where not internal"
            " order by all"
        ).fetchall()
    assert tables == [
        ("core", "balances", None),
        ("core", "dim_projects", "One row per project."),
        ("ml", "predictions", "What was predicted."),
        ("ml", "unknown", None),
    ]
    assert columns == [
        ("balances", "held", "Money in escrow."),
        ("dim_projects", "title", "Creator's\nword"),
        ("dim_projects", "unknown", None),
        ("predictions", "score", "A share."),
        ("unknown", "score", None),
    ]
