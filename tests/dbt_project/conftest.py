"""The small world and its warehouses, shared by all tests and workers of a run."""

import shutil
from pathlib import Path

import duckdb
import pytest

from expectations.validation.databases import RESULTS_DDL
from pipeline.build import QUARANTINED_ROWS
from pipeline.quality import DDL
from tests.conftest import SILENTLY, Workshop, only_worker
from tests.dbt_project.builds import Builds
from tests.dbt_project.export import Tables, write_csv
from tests.dbt_project.world import make_world
from tests.ml import small_models

ROWS_OF_A_LARGE_TABLE = 50_001


@pytest.fixture(scope="session")
def builds(shared_folder: Path, lent_workshop: Workshop) -> Builds:
    """Warehouses of the small world; what one worker built the others read."""
    return Builds(make_world(seed=79), shared_folder / "builds", lent_workshop)


@pytest.fixture(scope="session")
def whole_warehouse(builds: Builds, shared_folder: Path, lent_workshop: Workshop) -> Path:
    """The folder of a warehouse up to `insights` on which all dbt tests have passed.

    Beside it lie the compiled data tests, and a manifest with the analyses compiled. A test that
    fails makes dbt leave with another code than 0, which `call` shows. One raw table is large
    enough to be a source; its rows are gone with the workshop.
    """
    folder, workshop = shared_folder / "whole", lent_workshop
    with only_worker(folder):
        if not (folder / "manifest.json").exists():
            workshop.clear()
            workshop.land(write_csv(with_large_table(builds.tables), folder / "data"))
            workshop.dbt(*SILENTLY, "build", "--selector", "features")
            config = folder / "models.toml"
            config.write_text(small_models.text())
            workshop.python(
                *("ml", "train", "predict", "monitor", "amount", "experiment", "bandit"),
                *("--db", workshop.database, "--models", folder / "models", "--run-id", "test"),
                *("--config", config),
            )
            workshop.dbt(*SILENTLY, "build", "--selector", "insights")
            compiled = workshop.target / "compiled" / "escrow"
            shutil.copytree(compiled / "tests", folder / "compiled_tests")
            for test in (compiled / "models").rglob("unique_*.sql"):
                shutil.copy(test, folder / "compiled_tests")
            workshop.dbt("compile", "--select", "resource_type:analysis")
            with duckdb.connect(str(workshop.database)) as connection:
                connection.execute(RESULTS_DDL + DDL + QUARANTINED_ROWS)
            shutil.move(workshop.database, folder / "escrow.duckdb")
            shutil.move(workshop.target / "manifest.json", folder / "manifest.json")
    return folder


def with_large_table(tables: Tables) -> Tables:
    """The same platform, one backer of which looked at one project very often."""
    exposures = tables["experiment_exposures"]
    missing = range(len(tables["pledges"]) + 1, ROWS_OF_A_LARGE_TABLE + len(tables["pledges"]))
    seen_again = [{**exposures[0], "exposure_id": number, "pledge_id": None} for number in missing]
    return {**tables, "experiment_exposures": [*exposures, *seen_again]}
