"""The tables of schema ml and the views that say what of them counts, as dbt makes them.

Made once per test run by dbt itself, for no test may state their rules a second time; the tests'
made-up warehouses get the very statements.
"""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from tests.conftest import SILENTLY, Workshop, only_worker
from tests.dbt_project.export import write_csv
from tests.dbt_project.world import make_world

# what the views read beside schema ml
INPUTS = """
create schema if not exists raw;
create schema if not exists core;
create schema if not exists features;
create table if not exists core.warehouse_as_of (as_of timestamp);
create view raw.landing as select as_of from core.warehouse_as_of;
create table if not exists features.project_features (
    project_id bigint, snapshot_kind varchar, snapshot_at timestamp);
create table if not exists features.milestone_features (
    milestone_id bigint, snapshot_kind varchar, snapshot_at timestamp);
"""
_statements: list[str] = []


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes tables and views in a database that has its own core and features already."""
    assert _statements, "request the fixture ml_state first"
    connection.execute(INPUTS)
    for statement in _statements:
        connection.execute(statement)


def load(folder: Path, workshop: Workshop) -> None:
    """Has the statements made by whichever worker comes first."""
    made = folder / "ml_state" / "statements.json"
    with only_worker(made.parent):
        if not made.exists():
            made.write_text(json.dumps(_made_by_dbt(workshop, made.parent)))
    _statements[:] = json.loads(made.read_text())


def _made_by_dbt(workshop: Workshop, folder: Path) -> list[str]:
    workshop.clear()
    workshop.land(write_csv(make_world(seed=79), folder / "data"))
    with duckdb.connect(str(workshop.database)) as connection:
        connection.execute(INPUTS)
    workshop.dbt(*SILENTLY, "run", "--select", "tag:ml_state")
    with duckdb.connect(str(workshop.database)) as connection:
        tables = connection.execute(
            "select sql from duckdb_tables() where schema_name = 'ml'"
        ).fetchall()
        views = dict(
            connection.execute(
                """select schema_name || '.' || view_name, sql from duckdb_views()
                where schema_name in ('staging', 'intermediate')"""
            ).fetchall()
        )
    before = {
        name: {other for other in views if other != name and re.search(rf"{other}\b", sql)}
        for name, sql in views.items()
    }
    in_order = [views[name] for name in TopologicalSorter(before).static_order()]
    made = [f"create schema {name}" for name in ("ml", "staging", "intermediate")]
    made += [sql.replace("escrow.", "") for sql in (*(sql for (sql,) in tables), *in_order)]
    return made
