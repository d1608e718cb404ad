"""The small world and its warehouses, shared by all tests and workers of a run."""

from pathlib import Path

import pytest

from tests.conftest import Workshop
from tests.dbt_project.builds import Builds
from tests.dbt_project.world import make_world


@pytest.fixture(scope="session")
def builds(shared_folder: Path, lent_workshop: Workshop) -> Builds:
    """Warehouses of the small world; what one worker built the others read."""
    return Builds(make_world(seed=79), shared_folder / "builds", lent_workshop)
