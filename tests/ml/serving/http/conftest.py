"""The application over a platform after one run of all stages."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient

from ml.serving import log
from ml.serving.http.app import create
from ml.serving.http.options import Options
from ml.serving.http.service import Service
from ml.serving.log import Prediction
from tests.conftest import only_worker

Serve = Callable[..., TestClient]


class Shop:
    """A warehouse folder that is served, and what is published there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.db = folder, folder / "escrow.duckdb"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.db), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def publish(self, *statements: str) -> None:
        """Publishes another state, as a run does: built aside, put in place by a rename."""
        (self.folder / "build").mkdir(exist_ok=True)
        built = self.folder / "build" / "escrow.duckdb"
        shutil.copy(self.db, built)
        with duckdb.connect(str(built)) as connection:
            for statement in statements:
                connection.execute(statement)
        os.replace(built, self.db)

    def batch(self, name: str) -> dict[int, dict[str, Any]]:
        """The batch's rows of what is live, by id."""
        with duckdb.connect(str(self.db), read_only=True) as connection:
            found = connection.execute(
                "select * from ml.predictions where snapshot_kind = 'current'"
                f" and origin = 'batch' and model_name = '{name}' order by entity_id"
            )
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return {row["entity_id"]: row for row in rows}

    def logged(self) -> list[Prediction | None]:
        return [line.prediction for line in log.read(self.folder / "online")]


@pytest.fixture(scope="session")
def whole_world(finished_world: Any, shared_folder: Path) -> Path:
    """The finished platform with final amounts; project 1 is over and known to be."""
    shared = shared_folder / "whole_world"
    with only_worker(shared):
        made = shared / "warehouse"
        if not made.exists():
            first = finished_world.copy_to(shared / "unfinished", None)
            assert first.run("amount").code == 0
            first.sql(
                """update core.dim_projects set project_status = case
                    when project_id in (
                        select project_id from features.project_features
                        where snapshot_kind = 'current') then 'live'
                    else 'failed' end"""
            )
            first.folder.rename(made)
    return made


@pytest.fixture
def shop(whole_world: Path, tmp_path: Path) -> Shop:
    """A copy to spoil."""
    # others serve from the world itself, and asking whether it is ready makes a log
    ignored = shutil.ignore_patterns("online", "limits")
    shutil.copytree(whole_world, tmp_path / "warehouse", ignore=ignored)
    return Shop(tmp_path / "warehouse")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts the application on a warehouse folder; without a limit unless one is given.

    Warming up looks through the whole process of the tests for garbage, and most load no model.
    """
    warm_up = Service.warm_up
    with ExitStack() as stack:

        def start(
            folder: Path, *, address: str = "203.0.113.7", warm: bool = False, **given: Any
        ) -> TestClient:
            monkeypatch.setattr(Service, "warm_up", warm_up if warm else lambda _: None)
            application = create(Options.checked(**{"warehouse": folder, "limit": 0} | given))
            client = TestClient(
                application, raise_server_exceptions=False, client=(address, 50_000)
            )
            return stack.enter_context(client)

        yield start
        for thread in threading.enumerate():
            if thread.name == "warm-up":
                thread.join()
