"""What the stage writes into schema `ml`, and what of it counts already."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.amount.measures import Measure
from ml.amount.rows import Floats, Snapshots, amount_of
from ml.context import RunContext
from ml.warehouse import Warehouse

_ENDS = ("final_amount_low", "final_amount_median", "final_amount_high")
_MAX_CENTS = 10**18 - 1  # of a decimal(18,2)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountRun:
    """One row of `ml.final_amount_runs` without run and wall-clock time; times are UTC.

    Attributes:
        model_version: Follows from all that goes in, the live snapshots too; None when skipped.
        without_intervals: Prediction times with too few projects to calibrate on, by commas.
        artifact_path: The file of what was fitted, in a folder named by all that the fit is made
            of: the live snapshots are no part of that.
    """

    model_version: str | None
    status: str
    reason: str | None
    as_of: datetime
    cutoff_at: datetime | None
    train_project_count: int
    test_project_count: int
    without_intervals: str | None
    skill_state: str | None
    data_fingerprint: str
    config_fingerprint: str
    code_fingerprint: str
    artifact_path: str | None = None
    artifact_sha256: str | None = None


def newest(warehouse: Warehouse) -> AmountRun | None:
    """Returns what counts at `as_of`."""
    found = _runs(warehouse, "staging.stg_final_amount_runs", "true")
    return next(iter(found), None)


def made_before(warehouse: Warehouse, version: str) -> AmountRun | None:
    """Returns the run of this version for this `as_of`, whose rows are there."""
    where = (
        "model_version = $version and as_of = (select as_of from core.warehouse_as_of)"
        " order by measured_at limit 1"
    )
    return next(iter(_runs(warehouse, "ml.final_amount_runs", where, version=version)), None)


def fitted_before(warehouse: Warehouse, artifact_path: str) -> AmountRun | None:
    """Returns the newest run with this very fit, known by `as_of`."""
    where = (
        "artifact_path = $path and as_of <= (select as_of from core.warehouse_as_of)"
        " order by as_of desc, measured_at desc limit 1"
    )
    return next(iter(_runs(warehouse, "ml.final_amount_runs", where, path=artifact_path)), None)


def measures_of(warehouse: Warehouse, run: AmountRun) -> list[Measure]:
    """Returns what was measured of a run."""
    rows = warehouse.fetch(
        f"select {', '.join(Measure._fields)} from ml.final_amount_metrics"
        " where model_version = $version and as_of = $as_of",
        version=run.model_version,
        as_of=run.as_of,
    )
    return [Measure(*row) for row in rows]


def _runs(warehouse: Warehouse, table: str, where: str, **parameters: str) -> list[AmountRun]:
    names = AmountRun.__slots__
    rows = warehouse.fetch(f"select {', '.join(names)} from {table} where {where}", **parameters)
    return [AmountRun(**dict(zip(names, row, strict=True))) for row in rows]


def add_run(warehouse: Warehouse, run: AmountRun, context: RunContext) -> None:
    """Adds the row of a run."""
    row = asdict(run) | {"run_id": context.run_id, "measured_at": context.now}
    warehouse.add("final_amount_runs", pa.Table.from_pylist([row]))


def add_measures(
    warehouse: Warehouse, run: AmountRun, measures: Sequence[Measure], context: RunContext
) -> None:
    """Adds what the intervals and the baselines are worth."""
    if not measures:
        return
    stamp = {
        "run_id": context.run_id,
        "model_version": run.model_version,
        "as_of": run.as_of,
        "measured_at": context.now,
    }
    rows = [each._asdict() | stamp for each in measures]
    warehouse.add("final_amount_metrics", pa.Table.from_pylist(rows))


def add_predictions(
    warehouse: Warehouse,
    run: AmountRun,
    rows: pa.Table,
    live: Snapshots,
    ends: Floats,
    context: RunContext,
) -> int:
    """Adds the interval of each snapshot of a live project that has one.

    Of those as of now the values that they were made from are added too.

    Args:
        warehouse: Open for writing.
        run: The run.
        rows: Of `live_rows`.
        live: The same as arrays.
        ends: Low, median and high logarithm.
        context: The run.

    Returns:
        How many live projects have an interval now.
    """
    known = np.isfinite(ends).all(axis=1)
    kept, version = rows.filter(pa.array(known)), str(run.model_version)
    ids = [
        hashlib.md5("/".join((version, *map(str, key))).encode()).hexdigest() for key in _keys(kept)
    ]
    money = _money(ends[known], live.goal[known], kept.column("pledged_cents").to_numpy())
    columns = {
        "prediction_id": ids,
        **{name: kept.column(name) for name in ("project_id", "snapshot_kind", "snapshot_at")},
        **dict(zip(_ENDS, money, strict=True)),
        "run_id": [context.run_id] * len(ids),
        "model_version": [version] * len(ids),
        "as_of": [run.as_of] * len(ids),
        "predicted_at": [context.now] * len(ids),
    }
    if ids:
        warehouse.add("final_amount", pa.table(columns))
        inputs = {"prediction_id": ids, "feature_values": kept.column("feature_values")}
        is_live = pc.equal(kept.column("snapshot_kind"), "current")
        warehouse.add("prediction_inputs", pa.table(inputs).filter(is_live), key=("prediction_id",))
    return int((known & (live.kind == "current")).sum())


def _keys(rows: pa.Table) -> list[tuple[object, ...]]:
    micros = rows.column("snapshot_at").cast(pa.int64()).to_pylist()
    projects = rows.column("project_id").to_pylist()
    kinds = rows.column("snapshot_kind").to_pylist()
    values = rows.column("feature_values").to_pylist()
    return list(zip(projects, kinds, micros, values, strict=True))


def _money(ends: Floats, goal: Floats, pledged_cents: np.ndarray) -> list[pa.Array]:
    """Returns the three ends to the cent, none below what is pledged already."""
    cents = np.rint(100 * amount_of(ends, goal[:, None]))
    bounded = np.minimum(cents, float(2**59)).astype(np.int64)
    whole = np.clip(bounded, pledged_cents[:, None], _MAX_CENTS)
    kind = pa.decimal128(18, 2)
    return [
        pa.array([Decimal(int(each)).scaleb(-2) for each in column], kind) for column in whole.T
    ]
