"""The page of column lineage: from whole SQL, and a bug in it ends no run."""

import json
from pathlib import Path

import pytest

from pipeline import lineage
from pipeline.errors import PARTLY_DONE


def left_by_dbt(target: Path) -> Path:
    """What dbt leaves after its last command ran one of two models."""
    common = {"resource_type": "model", "package_name": "escrow"}
    nodes = {
        "old": {**common, "original_file_path": "models/old.sql"},
        "new": {**common, "original_file_path": "models/new.sql", "compiled_code": "select 2"},
        "rows": {"resource_type": "seed"},
    }
    (target / "compiled" / "escrow" / "models").mkdir(parents=True)
    (target / "compiled" / "escrow" / "models" / "old.sql").write_text("select 1")
    (target / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    return target


def test_sql_of_an_earlier_command_of_dbt_is_taken_from_its_files(tmp_path: Path) -> None:
    nodes = lineage.compiled_manifest(left_by_dbt(tmp_path))["nodes"]
    assert {name: node.get("compiled_code") for name, node in nodes.items()} == {
        "old": "select 1",
        "new": "select 2",
        "rows": None,
    }


def test_a_bug_in_the_page_is_said_and_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lineage", str(left_by_dbt(tmp_path)), str(tmp_path)])
    (tmp_path / "manifest.json").write_text("{}")
    assert lineage.main() == PARTLY_DONE
    assert "lineage: a bug ended the making of the page" in capsys.readouterr().err
