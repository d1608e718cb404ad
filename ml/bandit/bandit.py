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
from ml.bandit.learning import Learning, learn, skip_reason
from ml.bandit.settings import BanditSettings
from ml.bandit.tables import Columns, decisions, posteriors, timestamps
from ml.bandit.valuing import Value, value
from ml.context import RunContext
from ml.modeling import fingerprints
from ml.warehouse import Warehouse

_EVALUATING = ("min_decisions", "min_effective_size", "followed_from")


class Decided(NamedTuple):
    """What the stage found; without learning nothing could be learned, for a reason."""

    version: str
    reason: str | None
    learning: Learning | None
    values: list[Value]
    added_count: int


def run(settings: BanditSettings, warehouse: Warehouse, context: RunContext) -> Decided:
    """Adds what this run found, all or none: posteriors, decisions, values of policies.

    What was decided for an earlier `as_of` stands, whatever later data show. For the same `as_of`
    the newest run counts as a whole; one with the same settings and data as a run before repeats
    its rows, or adds none when they are the newest.
    """
    history = read_history(warehouse, settings.seed)
    reason = skip_reason(history, settings)
    learning = None if reason else learn(history, settings)
    row = _run_row(settings, history, learning, reason, warehouse.as_of())
    same = _same_runs(warehouse, row)
    added, values = 0, []
    with warehouse.transaction():
        if not (same and same[0].is_newest):
            _add_row(warehouse, row | {"run_id": context.run_id, "measured_at": context.now})
            added = _repeat(warehouse, same[0], context) if same else 0
        if learning is not None:
            if not same:
                added = _add_decisions(warehouse, history, learning, settings, row, context)
            # after the decisions: those of this run are part of the log that is evaluated
            values = value(history, learning, settings, warehouse)
            if not same:
                columns = {name: [getattr(each, name) for each in values] for name in Value._fields}
                _add(warehouse, "policy_values", columns | _stamp(row, context, "measured_at"))
    return Decided(row["bandit_version"], reason, learning, values, added)


class _SameRun(NamedTuple):
    """A run of the same settings and data; the newest one is the one that counts."""

    run_id: str
    measured_at: datetime
    is_newest: bool


def _run_row(
    settings: BanditSettings,
    history: History,
    learning: Learning | None,
    reason: str | None,
    as_of: datetime,
) -> dict[str, Any]:
    return {
        "bandit_version": bandit_version(settings),
        "status": "skipped" if reason else "active",
        "reason": reason,
        "as_of": as_of,
        "starts_at": None if learning is None else timestamps(learning.batch_at[:1]).item(0),
        "settings": json.dumps(asdict(settings), default=str),
        "data_fingerprint": history.fingerprint(),
    }


def _stamp(row: dict[str, Any], context: RunContext, written_at: str) -> Columns:
    """Returns what all rows of this run have in common."""
    same = {name: row[name] for name in ("bandit_version", "as_of")}
    return same | {"run_id": context.run_id, written_at: context.now}


def _add_decisions(
    warehouse: Warehouse,
    history: History,
    learning: Learning,
    settings: BanditSettings,
    row: dict[str, Any],
    context: RunContext,
) -> int:
    """Adds posteriors and decisions; returns how many launches were decided upon."""
    columns = posteriors(learning) | _stamp(row, context, "measured_at")
    _add(warehouse, "bandit_posteriors", columns)
    columns = decisions(history, learning, settings) | _stamp(row, context, "decided_at")
    return _add(warehouse, "bandit_decisions", _without_earlier(columns, warehouse))


def _same_runs(warehouse: Warehouse, run: dict[str, Any]) -> list[_SameRun]:
    """Returns the runs with the same row, newest first.

    Of the settings that only evaluate, too, none may differ.
    """
    same = " and ".join(f"runs.{name} is not distinct from ${name}" for name in run)
    rows = warehouse.fetch(
        f"""select runs.run_id, runs.measured_at, counting.run_id is not null
        from ml.bandit_runs as runs
        left join staging.stg_bandit_runs as counting
            on runs.run_id = counting.run_id and runs.measured_at = counting.measured_at
        where {same}
        order by runs.measured_at desc, runs.run_id desc""",
        **run,
    )
    return [_SameRun(*each) for each in rows]


def _repeat(warehouse: Warehouse, before: _SameRun, context: RunContext) -> int:
    """Adds the rows of an earlier run again, under the name of this one."""
    added = 0
    for table, written_at in (
        ("bandit_posteriors", "measured_at"),
        ("bandit_decisions", "decided_at"),
        ("policy_values", "measured_at"),
    ):
        [(added_here,)] = warehouse.fetch(
            f"""insert into ml.{table}
            select * replace ($run_id as run_id, $now as {written_at}) from ml.{table}
            where run_id = $before and {written_at} = $at""",
            run_id=context.run_id,
            now=context.now,
            before=before.run_id,
            at=before.measured_at,
        )
        added += added_here if table == "bandit_decisions" else 0
    return added


def _without_earlier(decided: Columns, warehouse: Warehouse) -> Columns:
    """Leaves out the launches that were decided upon for an earlier `as_of`."""
    rows = warehouse.fetch(
        "select project_id from staging.stg_bandit_decisions"
        " where bandit_version = $version and as_of < $as_of",
        version=decided["bandit_version"],
        as_of=decided["as_of"],
    )
    is_new = ~np.isin(decided["project_id"], [project for (project,) in rows])
    return {
        name: item.filter(pa.array(is_new)) if isinstance(item, pa.Array)
        else item[is_new] if isinstance(item, np.ndarray) else item
        for name, item in decided.items()
    }  # fmt: skip


def bandit_version(settings: BanditSettings) -> str:
    """Returns 12 hexadecimal digits that follow from settings, code and numerical libraries."""
    shaping = {key: item for key, item in asdict(settings).items() if key not in _EVALUATING}
    libraries = [library_version(name) for name in ("numpy", "scipy")]
    content = [shaping, fingerprints.of_code(Path(__file__).parent), libraries]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


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
