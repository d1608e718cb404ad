"""The dbt tests hold on the small world: unit tests of models, data tests of tables."""

from pathlib import Path

from tests.conftest import SILENTLY, Workshop
from tests.dbt_project.builds import Builds
from tests.dbt_project.contradictions import checks_in, planted_checks, unseen
from tests.dbt_project.export import write_csv


def test_unit_and_data_tests_pass(builds: Builds, workshop: Workshop, tmp_path: Path) -> None:
    """A failing one makes dbt leave with another code than 0, which `call` shows."""
    workshop.land(write_csv(builds.tables, tmp_path / "data"))
    workshop.dbt(*SILENTLY, "build", "--selector", "features")
    workshop.python(
        *("ml", "train", "predict", "monitor", "amount", "experiment", "bandit"),
        *("--db", workshop.database, "--models", tmp_path / "models", "--run-id", "test"),
    )
    workshop.dbt(*SILENTLY, "build", "--selector", "insights")
    compiled = workshop.target / "compiled" / "escrow" / "tests"
    assert checks_in(compiled) == planted_checks()
    assert list(unseen(workshop.database, compiled)) == []
