"""The tiny export, ready to be landed."""

from pathlib import Path

import pytest

from tests.expectations.landing.landing_world import LandingBench, world, write


@pytest.fixture
def bench(tmp_path: Path) -> LandingBench:
    """A bench with the tiny export in it."""
    bench = LandingBench(tmp_path)
    write(bench.data, world())
    return bench
