"""`python -m ml.monitoring`: the published performance as JSON lines, for those who ship logs."""

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from ml.errors import MlError
from ml.modeling.registry import run_in_use
from ml.warehouse import Warehouse

_WEEKS = 13  # of cohorts: recent enough to warn, long enough to mean something
_METRICS = {  # and what each is a mean over
    "accuracy": "matured_count",
    "brier_score": "matured_count",
    "base_rate": "matured_count",
    "mean_predicted_probability": "matured_count",
    "matured_estimated_accuracy": "matured_count",
    "pending_estimated_accuracy": "pending_count",
    "pending_estimated_brier_score": "pending_count",
}
_MODELS = "select distinct model_name from insights.model_performance order by model_name"
_COHORTS = f"""
    select
        performance.model_name,
        performance.model_version,
        warehouse_as_of.as_of,
        performance.cohort_week,
        performance.matured_count,
        performance.pending_count,
        {", ".join(f"performance.{name}" for name in _METRICS)}
    from insights.model_performance as performance
    cross join core.warehouse_as_of
    where performance.model_name = $name and performance.model_version = $version
        and performance.cohort_week > cast(warehouse_as_of.as_of as date) - interval {_WEEKS} week
    order by performance.cohort_week, performance.snapshot_kind"""
_COLUMNS = ("model_name", "model_version", "as_of", "cohort_week", "matured_count", "pending_count")


def performance(warehouse: Warehouse, *, run_id: str, now: datetime) -> list[dict[str, Any]]:
    """Returns one object per model in use and metric, over the cohorts of the last 13 weeks.

    Cohorts that are still to mature belong to it, as pending. `id` follows from what was measured,
    not from when: the same result has the same id.
    """
    found = []
    for (name,) in warehouse.fetch(_MODELS):
        in_use = run_in_use(warehouse, name)
        if in_use is None or in_use.status != "trained":
            continue
        rows = warehouse.fetch(_COHORTS, name=name, version=in_use.model_version)
        cohorts = [dict(zip((*_COLUMNS, *_METRICS), row, strict=True)) for row in rows]
        if not cohorts:
            continue
        about = {
            **{name: cohorts[0][name] for name in ("model_name", "model_version")},
            "as_of": cohorts[0]["as_of"].isoformat(),
            "cohorts_from": cohorts[0]["cohort_week"].isoformat(),
            "cohorts_until": cohorts[-1]["cohort_week"].isoformat(),
            **{name: sum(each[name] for each in cohorts) for name in _COLUMNS[-2:]},
        }
        for metric, weight in _METRICS.items():
            measured = {
                **about,
                "metric": metric,
                "value": _mean(cohorts, metric, weight),
                "is_estimate": "estimated" in metric,
            }
            digest = hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()
            run = {"run_id": run_id, "written_at": now.isoformat()}
            found.append({"id": digest[:32], **run, **measured})
    return found


def _mean(cohorts: list[dict[str, Any]], metric: str, weight: str) -> float | None:
    known = [(each[metric], each[weight]) for each in cohorts if each[metric] is not None]
    total = sum(count for _, count in known)
    return math.fsum(value * count for value, count in known) / total if total else None


def append(path: Path, objects: Iterable[dict[str, Any]]) -> int:
    """Appends the objects whose `id` is not in the file yet; returns how many.

    A line counts when its line break is there: what a killed writer left behind the last one is
    cut off first. The lines are on the disk when this returns.

    Raises:
        MlError: A whole line of the file is not one of ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        known = _ids(path, content[:whole])
        if whole < len(content):
            file.truncate(whole)
        new = [each for each in objects if each["id"] not in known]
        file.write("".join(json.dumps(each) + "\n" for each in new).encode())
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def _ids(path: Path, content: bytes) -> set[str]:
    known = set()
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            known.add(json.loads(line)["id"])
        except (ValueError, TypeError, KeyError) as error:
            raise MlError(
                f"{path}: line {number} is no line of this journal: move the file away or mend it"
            ) from error
    return known
