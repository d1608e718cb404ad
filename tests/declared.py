"""What the dbt project declares of features and snapshot kinds, for tests that make such tables."""

from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import yaml

from ml.settings import Features

DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
FEATURES_YAML = DBT_PROJECT / "models" / "marts" / "features" / "_features__models.yml"
VARS: dict[str, Any] = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]
MODELS: dict[str, dict[str, Any]] = {
    model["name"]: model for model in yaml.safe_load(FEATURES_YAML.read_text())["models"]
}
# What a row of features is about, and when: all its other columns are features.
KEYS = {
    "project": ("project_id", "snapshot_kind", "snapshot_at", "is_decided"),
    "milestone": ("milestone_id", "project_id", "snapshot_kind", "snapshot_at", "is_decided"),
}


class Feature(NamedTuple):
    """One feature as the contract of its table declares it."""

    name: str
    data_type: str
    group: str | None
    description: str


def features(entity: str) -> list[Feature]:
    """All columns of a feature table but its keys, in their order."""
    return [
        Feature(
            column["name"],
            column["data_type"],
            column.get("config", {}).get("meta", {}).get("feature_group"),
            column["description"],
        )
        for column in MODELS[f"{entity}_features"]["columns"]
        if column["name"] not in KEYS[entity]
    ]


def groups(entity: str) -> dict[str, dict[str, str]]:
    """The groups of an entity's features, in their order."""
    found: dict[str, dict[str, str]] = MODELS[f"{entity}_features"]["config"]["meta"][
        "feature_groups"
    ]
    return found


def snapshot_kinds(entity: str) -> dict[str, int | None]:
    """The kinds of snapshot of an entity, each with its hours after launch or submission."""
    return {kind["name"]: kind.get("hours") for kind in VARS["snapshot_kinds"][entity]}


def catalogue() -> dict[str, Features]:
    """What ml reads from the warehouse: the features of each entity, by kind."""
    return {
        entity: Features(
            tuple(each.name for each in features(entity) if each.data_type != "varchar"),
            tuple(each.name for each in features(entity) if each.data_type == "varchar"),
        )
        for entity in KEYS
    }


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables of schema features by their contracts, and fills those that dbt declares."""
    connection.execute("create schema if not exists features")
    for name, model in MODELS.items():
        columns = ", ".join(f"{each['name']} {each['data_type']}" for each in model["columns"])
        connection.execute(f"create table features.{name} ({columns})")
    for entity, kinds in VARS["snapshot_kinds"].items():
        for place, kind in enumerate(kinds, 1):
            row = (entity, kind["name"], place, kind.get("hours"), kind["description"])
            connection.execute("insert into features.snapshot_kinds values (?, ?, ?, ?, ?)", row)
        by_group = groups(entity)
        for place, each in enumerate(features(entity), 1):
            group = by_group[str(each.group)]
            about = (group["about"], list(by_group).index(str(each.group)) + 1, group["known_when"])
            connection.execute(
                "insert into features.feature_catalogue values (?, ?, ?, ?, ?, ?, ?, ?)",
                (entity, each.name, place, each.data_type, *about, each.description),
            )
