"""DUCKDB_MEMORY bounds DuckDB wherever a stage opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import warehouse as landed
from ml import warehouse
from pages.published import open_published


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


@pytest.mark.parametrize("opened", [validated, trained, served, shown])
@pytest.mark.parametrize(("given", "bound"), [("64MiB", "64.0 MiB"), ("", None)])  # make exports ""
def test_it_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, given: str, bound: str | None
) -> None:
    path = tmp_path / "escrow.duckdb"
    duckdb.connect(str(path)).close()
    monkeypatch.setenv("DUCKDB_MEMORY", given)
    with opened(path) as connection:
        limit = connection.execute("select current_setting('memory_limit')").fetchall()
    assert bound in (limit[0][0], None)
