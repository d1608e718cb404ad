"""A model that dbt builds again: what is in its place before, after, and if its SQL fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.forks import REPOSITORY

MACROS = REPOSITORY / "dbt_project" / "macros" / "materializations.sql"
PROFILE = """
small:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: small.duckdb}
"""


class Project:
    """A dbt project of one model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "models").mkdir()
        (folder / "macros").mkdir()
        shutil.copy(MACROS, folder / "macros")
        (folder / "profiles.yml").write_text(PROFILE)
        (folder / "dbt_project.yml").write_text("{name: small, version: '1.0', profile: small}")

    def build(self, kind: str, sql: str) -> bool:
        model = f"{{{{ config(materialized='{kind}') }}}}\n{sql}"
        (self.folder / "models" / "numbers.sql").write_text(model)
        command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "run"]
        return subprocess.run(command, cwd=self.folder, check=False).returncode == 0

    def found(self) -> list[tuple[str, str, int]]:
        with duckdb.connect(str(self.folder / "small.duckdb"), read_only=True) as connection:
            [(number,)] = connection.execute("from numbers").fetchall()
            tables = connection.execute(
                "select table_name, table_type from information_schema.tables"
            )
            return [(name, kind, number) for name, kind in tables.fetchall()]


@pytest.mark.journey
def test_a_model_is_replaced_but_stays_if_its_sql_fails(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.build("table", "select 1 as number")
    assert project.build("view", "select 2 as number")
    assert project.found() == [("numbers", "VIEW", 2)]
    assert not project.build("table", "select error('no such number') as number")
    assert project.found() == [("numbers", "VIEW", 2)]
