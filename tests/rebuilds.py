"""Builds a database from another export with the SQL that dbt compiled for the first one.

What dbt compiles depends on the project alone: the timestamp it builds for is a row of the table
`landing`. So dbt builds once, and the same statements fill the same tables anew, for a fifth of
its CPU. `test_determinism` compares such a database with one that dbt built.
"""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import duckdb

from tests.conftest import WITHOUT_TESTS, Workshop

_PARQUET = re.compile(r"'[^']*/(\w+)\.parquet'")


class Model(NamedTuple):
    """A model as dbt compiled it."""

    name: str
    is_table: bool
    tags: tuple[str, ...]
    sql: str


class Template(NamedTuple):
    """A database that dbt built, and the models in it in the order in which it built them."""

    database: Path
    models: list[Model]

    @classmethod
    def at(cls, folder: Path) -> "Template":
        """Returns what `build` left in a folder."""
        return cls(folder / "escrow.duckdb", compiled(folder / "manifest.json"))

    @classmethod
    def build(
        cls,
        workshop: Workshop,
        data: Path,
        folder: Path,
        *,
        as_of: datetime,
        select: Sequence[str] = (),
    ) -> "Template":
        """Has dbt build it without tests, and keeps it in a folder."""
        workshop.land(data, as_of=as_of)
        selected = ("--select", *select) if select else ()
        workshop.dbt("--log-level-file", "none", "build", *selected, *WITHOUT_TESTS)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(workshop.database, folder / "escrow.duckdb")
        shutil.copy(workshop.target / "manifest.json", folder / "manifest.json")
        return cls.at(folder)

    def rebuild(self, workshop: Workshop, data: Path, *, as_of: datetime | None) -> Path:
        """Builds the same models from what is landed, and returns the workshop's database."""
        workshop.land(data, as_of=as_of)
        return self.fill(workshop)

    def fill(self, workshop: Workshop) -> Path:
        """Builds the same models from what is landed, in the same tables as seeds or Parquet."""
        shutil.copy(self.database, workshop.database)
        large = {path.stem: path for path in (workshop.warehouse / "raw").glob("*/*.parquet")}
        seeds = sorted((workshop.warehouse / "landed" / "seeds").glob("*.csv"))
        with duckdb.connect(str(workshop.database)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            raw = "select table_name from duckdb_tables() where schema_name = 'raw' order by 1"
            assert [(seed.stem,) for seed in seeds] == connection.execute(raw).fetchall()
            for seed in seeds:
                connection.execute(f"truncate raw.{seed.stem}")
                connection.execute(f"copy raw.{seed.stem} from '{seed}' (format csv, header)")
            for model in self.models:
                # the path of a landed Parquet file is part of what was compiled
                sql = _PARQUET.sub(lambda found: f"'{large[found[1]]}'", model.sql)
                if model.is_table:
                    connection.execute(f"truncate {model.name}")
                    connection.execute(f"insert into {model.name} {sql}")
                elif sql != model.sql:
                    connection.execute(f"create or replace view {model.name} as {sql}")
        return workshop.database


def compiled(manifest: Path) -> list[Model]:
    """Returns the models that an invocation of dbt compiled, each after those it reads."""
    nodes = {
        name: node
        for name, node in json.loads(manifest.read_text())["nodes"].items()
        if node["resource_type"] == "model" and node.get("compiled_code")
    }
    parents = {
        name: sorted(nodes.keys() & node["depends_on"]["nodes"]) for name, node in nodes.items()
    }
    return [
        Model(
            f"{nodes[name]['schema']}.{nodes[name]['name']}",
            nodes[name]["config"]["materialized"] == "table",
            tuple(nodes[name]["tags"]),
            nodes[name]["compiled_code"],
        )
        for name in TopologicalSorter(dict(sorted(parents.items()))).static_order()
    ]
