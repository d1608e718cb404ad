"""`python -m ml.bandit`: which release strategy a project gets that launches now, or got."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.bandit.policy import choose, draw
from ml.bandit.settings import ARMS
from ml.command import Parser, fitted, guarded, show, whole_number
from ml.errors import MlError
from ml.warehouse import Warehouse, read_warehouse

# a warehouse published before there was a bandit lacks its views
_HAS_RUN = """
    select 1 from information_schema.tables
    where table_schema = 'intermediate' and table_name = 'int_bandits_in_use'"""
_NEWEST_WEEK = """
    select
        in_use.status, in_use.reason, cast(in_use.settings->>'seed' as bigint) as seed,
        posteriors.batch_at, posteriors.release_strategy, posteriors.propensity, posteriors.state
    from intermediate.int_bandits_in_use as in_use
    left join staging.stg_bandit_posteriors as posteriors
        on in_use.bandit_version = posteriors.bandit_version
    order by posteriors.batch_at desc, list_position($arms, posteriors.release_strategy)
    limit 4"""


_LAUNCHED = """
    select
        projects.launched_at, projects.release_strategy, decisions.chosen_strategy,
        decisions.propensity, decisions.batch_at, decisions.state
    from core.dim_projects as projects
    left join staging.stg_bandit_decisions as decisions
        on projects.project_id = decisions.project_id
        and decisions.bandit_version = (
            select bandit_version from intermediate.int_bandits_in_use)
    where projects.project_id = $project_id"""


class Answer(NamedTuple):
    """The strategy, its exact probability, and the week whose knowledge it rests on."""

    strategy: str
    propensity: float
    batch_at: datetime
    state: str

    def __str__(self) -> str:
        """Returns the answer as text."""
        return (
            f"{self.strategy}, chosen with probability {self.propensity:.4f} for a launch in the"
            f" week of {self.batch_at:%Y-%m-%d} ({self.state})"
        )


def answer(warehouse: Warehouse, project_id: int) -> Answer:
    """Chooses as the next run will record it, if the project launches in the newest week.

    Raises:
        MlError: The bandit has not run, or had nothing to learn from.
    """
    has_run = warehouse.fetch(_HAS_RUN)
    rows = warehouse.fetch(_NEWEST_WEEK, arms=list(ARMS)) if has_run else []
    if not rows or rows[0][0] != "active":
        reason = rows[0][1] if rows else "the bandit has not run: make run"
        raise MlError(f"no strategy can be chosen: {reason}")
    _, _, seed, batch_at, _, _, state = rows[0]
    propensity = np.array([[row[5] for row in rows]])
    arm = int(choose(propensity, np.array([draw(seed, project_id)]))[0])
    return Answer(ARMS[arm], float(propensity[0, arm]), batch_at, state)


def recorded(warehouse: Warehouse, project_id: int) -> str | None:
    """Returns what is on record for a project that has launched already; None when it has not."""
    if not warehouse.fetch(_HAS_RUN):
        return None
    rows = warehouse.fetch(_LAUNCHED, project_id=project_id)
    if not rows:
        return None
    launched_at, own, strategy, propensity, batch_at, state = rows[0]
    text = f"launched already, on {launched_at:%Y-%m-%d}, with {own or 'no release strategy'}"
    if strategy is None:
        return f"{text}; no decision of the bandit is recorded for it"
    return (
        f"{text}; recorded for it: {strategy}, chosen with probability {propensity:.4f} for a"
        f" launch in the week of {batch_at:%Y-%m-%d} ({state})"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the strategy; returns 0, or 2 for a wrong call."""
    parser = Parser(prog="python -m ml.bandit", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="published warehouse, only read")
    parser.add_argument(
        "--project", type=whole_number, required=True, help="id the project will have"
    )
    return guarded("strategy", partial(_strategy, parser.parse_args(arguments)))


def _strategy(options: argparse.Namespace) -> int:
    if not 0 < options.project < 2**63:
        raise MlError(f"{options.project} cannot be the id of a project: it is 1 to 2^63 - 1")
    with read_warehouse(options.db) as warehouse:
        found = recorded(warehouse, options.project)
        found = found or str(answer(warehouse, options.project))
    return show("strategy", fitted([f"project {options.project}: {found}"]))


if __name__ == "__main__":
    sys.exit(main())
