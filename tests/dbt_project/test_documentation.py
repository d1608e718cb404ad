"""The documentation says what is there: every table, column and type, and all that is there."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

SCHEMAS = ("raw", "staging", "intermediate", "core", "features", "ml", "insights", "quality")
CONTRACTS = ("core.", "features.", "insights.")
MAX_REPEATS = 60
MODELS = Path(__file__).parents[2] / "dbt_project" / "models"
# a column as written: its name, and its type and description beside it in either order
ENTRY = re.compile(r"^ +(?:- )?name: (.+\n(?: +(?:data_type|description): .+\n)+)", re.MULTILINE)
Columns = dict[str, dict[str, str]]


class Platform(NamedTuple):
    """What dbt documents and what the database holds, both by table."""

    nodes: dict[str, dict[str, Any]]
    types: Columns


@pytest.fixture(scope="module")
def platform(whole_warehouse: Path) -> Platform:
    """The whole warehouse, as documented and as stored."""
    database = whole_warehouse / "escrow.duckdb"
    return Platform(documented(whole_warehouse / "manifest.json"), stored(database))


def test_every_table_is_documented_and_every_documented_table_exists(platform: Platform) -> None:
    assert platform.nodes.keys() == platform.types.keys()
    assert platform.nodes["raw.experiment_exposures"]["resource_type"] == "source"
    assert platform.nodes["raw.pledges"]["resource_type"] == "seed"


def test_every_column_is_documented(platform: Platform) -> None:
    undocumented = [
        f"{table}.{name}"
        for table, columns in platform.types.items()
        for name in columns
        if name not in platform.nodes[table]["columns"]
    ]
    assert undocumented == [], f"not described in dbt_project/models: {undocumented}"


def test_every_documented_column_exists(platform: Platform) -> None:
    missing = [
        f"{table}.{name}"
        for table, node in platform.nodes.items()
        for name in node["columns"]
        if name not in platform.types[table]
    ]
    assert missing == []


def test_every_documented_type_is_true(platform: Platform) -> None:
    wrong = [
        f"{table}.{name} is {platform.types[table][name]}, not {column['data_type']}"
        for table, node in platform.nodes.items()
        for name, column in node["columns"].items()
        if column.get("data_type") not in (None, platform.types[table][name])
    ]
    assert wrong == []


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


def test_contracts_hold_on_core_features_and_insights(platform: Platform) -> None:
    for table, node in platform.nodes.items():
        if table.startswith(CONTRACTS):
            assert node["config"]["contract"]["enforced"], f"{table} has no enforced contract"
            promised = {name: column["data_type"] for name, column in node["columns"].items()}
            assert promised == platform.types[table], table


def test_a_column_is_written_once() -> None:
    """A YAML anchor serves the models of a file; what recurs across files has a doc block."""
    entries = Counter(
        " ".join(entry.split())
        for path in sorted(MODELS.rglob("*.yml"))
        for entry in ENTRY.findall(path.read_text(encoding="utf-8"))
    )
    repeats = {entry: count - 1 for entry, count in entries.items() if count > 1}
    assert sum(repeats.values()) <= MAX_REPEATS, (
        f"{sum(repeats.values())} of {entries.total()} column entries repeat another word for word;"
        f" give them an anchor (`- &name` once, `- *name` from then on): {repeats}"
    )


def test_what_is_called_a_view_is_one(platform: Platform) -> None:
    called = {
        table
        for table, node in platform.nodes.items()
        if re.search(r"\b[Aa] view\b(?! of)", node["description"])
    }
    views = {
        table
        for table, node in platform.nodes.items()
        if node["config"].get("materialized") == "view"
    }
    assert called <= views


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
