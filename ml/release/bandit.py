"""Stage `bandit`: learns from the history, records decisions, values policies."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ml import fingerprints
from ml.release.history import History, read_history
from ml.release.learning import Learning, learn, why_not
from ml.release.policy import snapshot
from ml.release.settings import ARMS, BanditSettings
from ml.release.valuing import Value, value
from ml.warehouse import Warehouse

Columns = dict[str, Any]

_JUDGING = ("min_decisions", "min_propensity", "min_effective_size", "followed_from")


class Decided(NamedTuple):
    """What the stage found; without learning nothing could be learned, for a reason."""

    version: str
    reason: str | None
    learning: Learning | None
    values: list[Value]
    added_count: int


def decide(
    settings: BanditSettings, warehouse: Warehouse, *, run_id: str, now: datetime
) -> Decided:
    """Adds what is not recorded yet: posteriors, decisions, values of policies, all or none.

    A decision is recorded once per version and never rewritten, whatever later data say.
    """
    version = bandit_version(settings)
    history = read_history(warehouse, settings.seed)
    reason = why_not(history, settings)
    learning = None if reason else learn(history, settings)
    added, values = 0, []
    with warehouse.transaction():
        if learning is not None:
            stamp = {"run_id": run_id, "bandit_version": version}
            posteriors = _posteriors(learning) | stamp | {"measured_at": now}
            decisions = _decisions(history, learning, settings, version) | stamp
            _add(warehouse, "bandit_posteriors", posteriors, "batch_at", "release_strategy")
            added = _add(
                warehouse, "bandit_decisions", decisions | {"decided_at": now}, "project_id"
            )
            values = value(history, learning, settings, warehouse)
            columns: Columns = {
                name: [getattr(row, name) for row in values] for name in Value._fields
            }
            columns |= {"as_of": warehouse.as_of()}
            _add(warehouse, "policy_values", columns | stamp | {"measured_at": now}, *columns)
        _log_run(warehouse, settings, version, reason, learning, run_id, now)
    return Decided(version, reason, learning, values, added)


def bandit_version(settings: BanditSettings) -> str:
    """Returns 12 hexadecimal digits that follow from settings, code and numerical libraries."""
    shaping = {key: item for key, item in asdict(settings).items() if key not in _JUDGING}
    libraries = [library_version(name) for name in ("numpy", "scipy")]
    content = [shaping, fingerprints.of_code(Path(__file__).parent), libraries]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _posteriors(learning: Learning) -> Columns:
    """One row per week and strategy."""
    weeks, arms = learning.known.alpha.shape
    known, found = learning.known, learning.found
    by_week = {
        "batch_at": _moments(learning.batch_at),
        "decision_number": known.decision_number,
        "epsilon": found.epsilon,
        "state": found.state,
    }
    by_arm = {"prior_alpha": learning.prior_alpha, "prior_beta": learning.prior_beta}
    by_both = {
        "alpha": known.alpha,
        "beta": known.beta,
        "reward_count": known.reward_count,
        "pending_count": learning.pending_count,
        "mean_on_time_share": learning.mean_reward,
        "mean_money_kept_share": learning.mean_money_kept,
        "best_probability": found.best_probability,
        "propensity": found.propensity,
    }
    return (
        {"release_strategy": list(ARMS) * weeks}
        | {name: np.repeat(item, arms) for name, item in by_week.items()}
        | {name: np.tile(item, weeks) for name, item in by_arm.items()}
        | {name: pa.array(item.ravel(), from_pandas=True) for name, item in by_both.items()}
    )


def _decisions(
    history: History, learning: Learning, settings: BanditSettings, version: str
) -> Columns:
    """One row per project launched since the start."""
    known, found = learning.known, learning.found
    batch, rows = learning.batch, learning.decided
    snapshots = pa.array(
        [snapshot(known, found, week, settings.rules) for week in range(len(learning.batch_at))]
    )
    return {
        "project_id": history.project_id[rows],
        "launched_at": _moments(history.launched_at[rows]),
        "batch_at": _moments(learning.batch_at[batch]),
        "chosen_strategy": np.array(ARMS)[learning.choice],
        "propensity": found.propensity[batch, learning.choice],
        "state": found.state[batch],
        "epsilon": found.epsilon[batch],
        "draw": history.draw[rows],
        "seed": settings.seed,
        "snapshot": snapshots.take(pa.array(batch)),
    }


def _moments(micros: np.ndarray) -> np.ndarray:
    return np.asarray(micros).astype("datetime64[us]")


def _add(warehouse: Warehouse, table: str, columns: Columns, *key: str) -> int:
    """Adds rows of columns, single values being the same in all rows; returns how many are new."""
    count = max(len(item) for item in columns.values() if _is_column(item))
    whole = {
        name: item if _is_column(item) else pa.repeat(pa.scalar(item), count)
        for name, item in columns.items()
    }
    return warehouse.add(table, pa.table(whole), key=("bandit_version", *key))


def _is_column(item: Any) -> bool:
    return isinstance(item, list | np.ndarray | pa.Array)


def _log_run(
    warehouse: Warehouse,
    settings: BanditSettings,
    version: str,
    reason: str | None,
    learning: Learning | None,
    run_id: str,
    now: datetime,
) -> None:
    """Adds a row if the version in use, the moment or the outcome is another than before."""
    row = {
        "bandit_version": version,
        "status": "skipped" if reason else "active",
        "reason": reason,
        "as_of": warehouse.as_of(),
    }
    newest = warehouse.fetch(
        f"select {', '.join(row)} from ml.bandit_runs"
        " order by measured_at desc, run_id desc limit 1"
    )
    if newest and newest[0] == tuple(row.values()):
        return
    start = None if learning is None else _moments(learning.batch_at[:1]).item(0)
    row |= {"starts_at": start, "settings": json.dumps(asdict(settings), default=str)}
    row |= {"run_id": run_id, "measured_at": now}
    types = {"reason": pa.string(), "starts_at": pa.timestamp("us")}
    warehouse.add(
        "bandit_runs",
        pa.table({name: pa.array([item], types.get(name)) for name, item in row.items()}),
    )
