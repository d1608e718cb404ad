"""Worlds shared by the tests of the generator."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from generator.cli import generate
from generator.config import SimulationConfig
from generator.schemas import SCHEMAS
from generator.world import simulate
from tests.generator.measured import CONFIG, Sample

SMALL_SCALE = 5


@pytest.fixture(scope="session")
def small_config() -> SimulationConfig:
    """A world of five units in three blocks, so that ids must hold across blocks."""
    return SimulationConfig(scale=SMALL_SCALE, seed=11, block_scale=2)


@pytest.fixture(scope="session")
def small_folder(small_config: SimulationConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small world as Parquet files."""
    folder = tmp_path_factory.mktemp("world") / "parquet"
    generate(small_config, folder, "parquet")
    return folder


@pytest.fixture(scope="session")
def small_csv_folder(
    small_config: SimulationConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The small world as CSV files."""
    folder = tmp_path_factory.mktemp("world") / "csv"
    generate(small_config, folder, "csv")
    return folder


@pytest.fixture(scope="session")
def world(small_folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with one view per table of the small world."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name in SCHEMAS:
            path = small_folder / f"{name}.parquet"
            connection.execute(f"create view {name} as select * from read_parquet('{path}')")
        yield connection


@pytest.fixture(scope="session")
def sample() -> Sample:
    """A world large enough to be held against reality."""
    (block,) = simulate(CONFIG)
    return Sample(block)
