"""`make clean` removes what can be made again, and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline import clean
from pipeline.__main__ import main
from pipeline.errors import CallError
from pipeline.lock import locked
from pipeline.paths import PROJECT, REMADE, Paths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A warehouse with its pages; the caches of this clone are left alone."""
    monkeypatch.setattr(clean, "PROJECT", tmp_path)
    monkeypatch.setattr(clean, "DBT_PROJECT", tmp_path)
    paths = Paths.at(str(tmp_path / "warehouse"), str(tmp_path / "site"))
    for folder in (*(paths.root / each for each in REMADE), paths.site / "dbt"):
        folder.mkdir(parents=True)
    for file in (paths.published, paths.site / "index.html", paths.site / "dbt" / "index.html"):
        file.touch()
    return paths


def test_what_is_published_stays(paths: Paths) -> None:
    clean.clean(paths)
    assert [each.name for each in paths.root.iterdir() if each.name != ".lock"] == ["escrow.duckdb"]
    assert not paths.site.exists()
    clean.clean(paths)


def test_files_of_others_beside_the_pages_stay(paths: Paths) -> None:
    (paths.site / "thesis.txt").touch()
    clean.clean(paths)
    assert [each.name for each in paths.site.iterdir()] == ["thesis.txt"]


def test_a_warehouse_that_is_written_is_left_alone(paths: Paths) -> None:
    with locked(paths.root), pytest.raises(CallError, match="another run writes"):
        clean.clean(paths)
    assert paths.build_folder.exists()
    assert (paths.site / "index.html").exists()


@pytest.mark.parametrize("site", ["warehouse", "warehouse/models/site", "warehouse/generated", "."])
def test_pages_never_lie_among_the_files_of_a_warehouse(
    tmp_path: Path, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both have folders named models and monitoring, and only those of the pages may go."""
    root = tmp_path / ("models" if site == "." else "warehouse")
    model = root / "models" / "project_success" / "model.bin"
    model.parent.mkdir(parents=True)
    model.touch()
    with pytest.raises(CallError, match="name another folder for one of them"):
        clean.clean(Paths.at(str(root), str(tmp_path / site)))
    assert main(["run", f"WAREHOUSE={root}", f"SITE={tmp_path / site}"]) == CallError.code
    assert "name another folder for one of them" in capsys.readouterr().err
    assert model.exists()
    assert [each.name for each in root.iterdir()] == ["models"]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("given", [["WAREHOUSE=", "SITE="], []])
def test_an_empty_folder_is_the_default_and_never_the_root_of_the_disk(given: list[str]) -> None:
    # what a surrounding make exports would be obeyed by this one
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment = outside | {"WAREHOUSE": "", "SITE": ""}
    done = subprocess.run(
        ["make", "-n", "clean", *given],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pipeline.clean" in done.stdout
    shown = subprocess.run(
        ["make", "--eval", "show: ; @echo $$WAREHOUSE/$$SITE/end", "show", *given],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "warehouse/site/end"
