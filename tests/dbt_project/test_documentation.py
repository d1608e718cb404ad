"""The documentation says what is there: every table, column and type, and all that is there."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from tests.conftest import WITHOUT_TESTS, Workshop
from tests.dbt_project.builds import Builds
from tests.dbt_project.export import Tables, write_csv

ROWS_OF_A_LARGE_TABLE = 50_001
SCHEMAS = ("raw", "staging", "intermediate", "core", "features", "ml", "insights")
Columns = dict[str, dict[str, str]]


class Platform(NamedTuple):
    """What dbt documents and what the database holds, both by table."""

    nodes: dict[str, dict[str, Any]]
    types: Columns


@pytest.fixture(scope="module")
def platform(
    builds: Builds, lent_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    """A whole warehouse, up to `insights`; one raw table is large enough to be a source."""
    folder = tmp_path_factory.mktemp("large")
    workshop = lent_workshop
    workshop.clear()
    workshop.build(write_csv(with_large_table(builds.tables), folder / "data"))
    workshop.python(
        *("ml", "train", "predict", "monitor", "bandit", "--db", workshop.database),
        *("--models", folder / "models", "--run-id", "test"),
    )
    workshop.dbt("build", "--selector", "insights", *WITHOUT_TESTS)
    return Platform(documented(workshop.target / "manifest.json"), stored(workshop.database))


def test_every_table_is_documented_and_every_documented_table_exists(platform: Platform) -> None:
    assert platform.nodes.keys() == platform.types.keys()
    assert platform.nodes["raw.experiment_exposures"]["resource_type"] == "source"
    assert platform.nodes["raw.pledges"]["resource_type"] == "seed"


def test_every_column_is_documented_and_every_documented_column_exists(platform: Platform) -> None:
    assert {table: set(node["columns"]) for table, node in platform.nodes.items()} == {
        table: set(columns) for table, columns in platform.types.items()
    }


def test_every_column_has_a_description(platform: Platform) -> None:
    silent = [
        f"{table}.{name}"
        for table, node in platform.nodes.items()
        for name, column in node["columns"].items()
        if not column["description"].strip()
    ]
    assert silent == []


def test_every_table_says_its_grain(platform: Platform) -> None:
    """The first sentence says what one row is."""
    vague = [
        table
        for table, node in platform.nodes.items()
        if not node["description"].startswith(("One row per ", "One row: "))
    ]
    assert vague == []


def test_contracts_hold_on_features_and_insights(platform: Platform) -> None:
    for table, node in platform.nodes.items():
        if table.startswith(("features.", "insights.")):
            assert node["config"]["contract"]["enforced"], f"{table} has no enforced contract"
            promised = {name: column["data_type"] for name, column in node["columns"].items()}
            assert promised == platform.types[table], table


def with_large_table(tables: Tables) -> Tables:
    """The same platform, one backer of which looked at one project very often."""
    exposures = tables["experiment_exposures"]
    missing = range(len(tables["pledges"]) + 1, ROWS_OF_A_LARGE_TABLE + len(tables["pledges"]))
    seen_again = [{**exposures[0], "exposure_id": number, "pledge_id": None} for number in missing]
    return {**tables, "experiment_exposures": [*exposures, *seen_again]}


def documented(manifest: Path) -> dict[str, dict[str, Any]]:
    """Models, seeds and sources of the manifest by table."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    nodes = [*content["nodes"].values(), *content["sources"].values()]
    return {
        f"{node['schema']}.{node['name']}": node
        for node in nodes
        if node["resource_type"] in ("model", "seed", "source") and node["schema"] in SCHEMAS
    }


def stored(database: Path) -> Columns:
    """Columns and types of all tables in the database."""
    types: Columns = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select table_schema, table_name, column_name, lower(data_type) "
            "from information_schema.columns"
        ).fetchall()
    for schema, table, column, data_type in rows:
        if schema in SCHEMAS:
            types.setdefault(f"{schema}.{table}", {})[column] = data_type
    return types
