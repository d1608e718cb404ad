"""Wherever clone and warehouse lie, what dbt writes for a seed stays in the build folder."""

import os
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.paths import Paths


@pytest.mark.parametrize("clone", ["/c", "/home/ann/c", "/home/ann/code/projects/2026/c"])
@pytest.mark.parametrize("warehouse", ["/w", "/data/w", "/home/ann/w", "/home/ann/code/a/b/c/d/w"])
def test_compiled_seed_stays_in_the_build_folder(
    monkeypatch: pytest.MonkeyPatch, clone: str, warehouse: str
) -> None:
    monkeypatch.setattr(paths, "DBT_PROJECT", Path(clone) / "dbt_project")
    at = Paths(Path(warehouse), Path("/site"))
    written = os.path.normpath(at.dbt_target / "run" / "escrow" / at.landed_for_dbt)
    assert Path(written).is_relative_to(at.build_folder)
