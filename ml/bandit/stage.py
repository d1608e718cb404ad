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

from ml.bandit.history import History, read_history
from ml.bandit.learning import Learning, learn, why_not
from ml.bandit.policy import snapshot
from ml.bandit.settings import ARMS, BanditSettings
from ml.bandit.valuing import Value, value
from ml.modeling import fingerprints
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
    """Adds what this run has to say, all or none: posteriors, decisions, values of policies.

    What was decided for an earlier `as_of` stands, whatever later data say. For the same `as_of`
    the newest run counts as a whole; one with the same settings and data as a run before repeats
    its rows, or adds none when they are the newest.
    """
    version = bandit_version(settings)
    history = read_history(warehouse, settings.seed)
    reason = why_not(history, settings)
    learning = None if reason else learn(history, settings)
    run = {
        "bandit_version": version,
        "status": "skipped" if reason else "active",
        "reason": reason,
        "as_of": warehouse.as_of(),
        "starts_at": None if learning is None else _moments(learning.batch_at[:1]).item(0),
        "settings": json.dumps(asdict(settings), default=str),
        "data_fingerprint": history.fingerprint(),
    }
    runs = _runs(warehouse, run)
    is_newest = bool(runs) and runs[0][2]
    added, values = 0, []
    with warehouse.transaction():
        if not is_newest:
            stamp = {"run_id": run_id, "measured_at": now}
            _add_row(warehouse, run | stamp)
            if runs:
                added = _repeat(warehouse, *runs[0][:2], run_id=run_id, now=now)
        if learning is not None:
            stamp = {
                "run_id": run_id,
                "bandit_version": version,
                "as_of": run["as_of"],
            }
            if not runs:
                posteriors = _posteriors(learning) | stamp | {"measured_at": now}
                _add(warehouse, "bandit_posteriors", posteriors)
                decisions = _decisions(history, learning, settings) | stamp | {"decided_at": now}
                added = _add(warehouse, "bandit_decisions", _undecided(decisions, warehouse))
            values = value(history, learning, settings, warehouse)
            if not runs:
                columns: Columns = {
                    name: [getattr(row, name) for row in values] for name in Value._fields
                }
                _add(warehouse, "policy_values", columns | stamp | {"measured_at": now})
    return Decided(version, reason, learning, values, added)


def _runs(warehouse: Warehouse, run: dict[str, Any]) -> list[tuple[str, datetime, bool]]:
    """Returns the runs that said the same, newest first, and whether they are the one that counts.

    Of the settings that only judge, too, none may differ.
    """
    same = " and ".join(f"runs.{name} is not distinct from ${name}" for name in run)
    return warehouse.fetch(
        f"""select runs.run_id, runs.measured_at, counting.run_id is not null
        from ml.bandit_runs as runs
        left join staging.stg_bandit_runs as counting
            on runs.run_id = counting.run_id and runs.measured_at = counting.measured_at
        where {same}
        order by runs.measured_at desc, runs.run_id desc""",
        **run,
    )


def _repeat(warehouse: Warehouse, before: str, at: datetime, *, run_id: str, now: datetime) -> int:
    """Adds the rows of an earlier run again, under the name of this one."""
    added = 0
    for table, moment in (
        ("bandit_posteriors", "measured_at"),
        ("bandit_decisions", "decided_at"),
        ("policy_values", "measured_at"),
    ):
        [(added_here,)] = warehouse.fetch(
            f"""insert into ml.{table}
            select * replace ($run_id as run_id, $now as {moment}) from ml.{table}
            where run_id = $before and {moment} = $at""",
            run_id=run_id,
            now=now,
            before=before,
            at=at,
        )
        added += added_here if table == "bandit_decisions" else 0
    return added


def _undecided(decisions: Columns, warehouse: Warehouse) -> Columns:
    """Leaves out the launches that were decided upon for an earlier `as_of`."""
    rows = warehouse.fetch(
        "select project_id from staging.stg_bandit_decisions"
        " where bandit_version = $version and as_of < $as_of",
        version=decisions["bandit_version"],
        as_of=decisions["as_of"],
    )
    is_new = ~np.isin(decisions["project_id"], [project for (project,) in rows])
    return {
        name: item.filter(pa.array(is_new)) if isinstance(item, pa.Array)
        else item[is_new] if isinstance(item, np.ndarray) else item
        for name, item in decisions.items()
    }  # fmt: skip


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


def _decisions(history: History, learning: Learning, settings: BanditSettings) -> Columns:
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


def _add(warehouse: Warehouse, table: str, columns: Columns) -> int:
    """Adds rows of columns, single values being the same in all rows; returns how many."""
    count = max(len(item) for item in columns.values() if _is_column(item))
    whole = {
        name: item if _is_column(item) else pa.repeat(pa.scalar(item), count)
        for name, item in columns.items()
    }
    return warehouse.add(table, pa.table(whole))


def _is_column(item: Any) -> bool:
    return isinstance(item, list | np.ndarray | pa.Array)


def _add_row(warehouse: Warehouse, run: dict[str, Any]) -> None:
    types = {"reason": pa.string(), "starts_at": pa.timestamp("us")}
    warehouse.add(
        "bandit_runs",
        pa.table({name: pa.array([item], types.get(name)) for name, item in run.items()}),
    )
