"""Pages are made from the small platforms on which the stages of ml are tested."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pages.frame import Check, Frame
from pages.links import Links
from pages.site import Site
from tests.ml.bandit.conftest import chosen, future, platform
from tests.ml.conftest import finished, finished_world, fresh, made_ml_state, world

__all__ = [
    "chosen",
    "finished",
    "finished_world",
    "fresh",
    "future",
    "made_ml_state",
    "platform",
    "world",
]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site in which project 1, of creator 1, has a page of its own."""
    check = Check("passed", "0.00", "Ledger", "money/index.html")
    return Site(tmp_path / "site", Frame(datetime(2024, 1, 1), (check,)), Links({1: 1}))


@pytest.fixture
def failure(finished: Any) -> str:
    """What pages say of the model of success, whose training a bug has ended here."""
    finished.sql(
        """insert into ml.failures
        select 'run-9', 'train', 'project_success', as_of, true, 'KeyError: x', now()
        from core.warehouse_as_of"""
    )
    return (
        "Stage train of project_success failed because of a bug in run run-9 (KeyError: x):"
        " it gives no probabilities for this timestamp."
    )
