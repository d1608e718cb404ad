"""DUCKDB_MEMORY bounds DuckDB wherever a stage opens it, and what it frees leaves the process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import warehouse as landed
from ml import warehouse
from pages.published import open_published
from pipeline import database

LIMIT = "select current_setting('memory_limit')"
FREED = "select current_setting('allocator_background_threads')"


@contextmanager
def validated(path: Path) -> Iterator[Any]:
    with landed.connect(path) as connection:
        yield connection


@contextmanager
def trained(path: Path) -> Iterator[Any]:
    with warehouse._connect(path) as connection:
        yield connection


@contextmanager
def served(path: Path) -> Iterator[Any]:
    with warehouse._connect(path, read_only=True) as connection:
        yield connection


@contextmanager
def shown(path: Path) -> Iterator[Any]:
    with open_published(path) as published:
        yield published._connection


@contextmanager
def finished(path: Path) -> Iterator[Any]:
    with database.connect(path) as connection:
        yield connection


@pytest.mark.parametrize("opened", [validated, trained, served, finished, shown])
@pytest.mark.parametrize("given", ["64MiB", ""])  # make exports it empty
def test_it_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, given: str
) -> None:
    path = tmp_path / "escrow.duckdb"
    with duckdb.connect(str(path), config={"memory_limit": given or "80%"}) as plain:
        bound = plain.execute(LIMIT).fetchall()
    monkeypatch.setenv("DUCKDB_MEMORY", given)
    with opened(path) as connection:
        assert connection.execute(LIMIT).fetchall() == bound
        assert connection.execute(FREED).fetchall() == [(bool(given),)]
