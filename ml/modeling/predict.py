"""Stage `predict`: what is live, and the snapshots that the model in use has never seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.context import RunContext
from ml.modeling import artifacts, explanations, rolling
from ml.modeling.estimators import Floats
from ml.modeling.metrics import THRESHOLD
from ml.modeling.registry import ModelRun, PredictionError, model_in_use
from ml.modeling.rolling import FittedModel
from ml.modeling.rows import check_inputs
from ml.modeling.snapshots import rows_to_predict
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

INPUTS = ("prediction_id", "feature_values")


class Predicted(NamedTuple):
    """How many predictions were added: for what is live, for snapshots after the cut."""

    run: ModelRun
    live_count: int
    historical_count: int


def decided_run(model: ModelSettings, warehouse: Warehouse) -> ModelRun:
    """Returns the same, for a stage that adds rows: these count by the decision for their `as_of`.

    Raises:
        PredictionError: Nothing was decided for the `as_of` of this warehouse.
    """
    run = model_in_use(model, warehouse)
    if run.as_of != warehouse.as_of():
        raise PredictionError(
            f"{model.name} was last decided on for {run.as_of}, not yet for {warehouse.as_of()}:"
            " run `train` first"
        )
    return run


def probabilities(fitted: FittedModel, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the model's probability of each row, or its outcome where that is known already."""
    known = rows.column("known_outcome")
    outcome = known.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(np.isnan(outcome), rolling.score(fitted, rows), outcome)


def run(
    model: ModelSettings, warehouse: Warehouse, context: RunContext, *, models: Path
) -> Predicted:
    """Adds the predictions that are not the newest of their snapshot, all or none.

    Snapshots that are decided get the model's opinion too, marked by `is_decided`.

    Raises:
        MlError: The model file is not the recorded one, or a column it reads is missing.
    """
    champion = decided_run(model, warehouse)
    if champion.status != "trained":
        return Predicted(champion, 0, 0)
    assert champion.model_version is not None
    assert champion.cutoff_at is not None
    fitted = artifacts.load(models, champion)
    features = rolling.features_of(fitted)
    check_inputs(warehouse, model, features)
    stamp = {
        "model_name": champion.model_name,
        "model_version": champion.model_version,
        "as_of": champion.as_of,
        "predicted_at": context.now,
    }
    made = stamp | {"run_id": context.run_id, "origin": "batch"}
    version, cutoff = champion.model_version, champion.cutoff_at
    live = total = 0
    with warehouse.transaction():
        for batch in rows_to_predict(warehouse, model, features, version, cutoff):
            probability = probabilities(fitted, batch)
            rows = _rows(batch, probability)
            total += warehouse.add("predictions", _stamped(rows, made))
            is_live = pc.equal(batch.column("snapshot_kind"), "current")
            # of earlier snapshots, a million at SCALE=1000, the values stand in the features
            inputs = batch.select(INPUTS).filter(is_live)
            warehouse.add("prediction_inputs", pa.table(inputs), key=INPUTS[:1])
            live += pc.sum(is_live).as_py() or 0
            for reasons in _reasons(model, fitted, batch, is_live, probability):
                rows = _stamped(reasons, stamp)
                warehouse.add("prediction_reasons", rows, key=("prediction_id", "rank"))
    return Predicted(champion, live, total - live)


def _reasons(
    model: ModelSettings,
    fitted: FittedModel,
    batch: pa.RecordBatch,
    is_live: pa.BooleanArray,
    probability: Floats,
) -> Iterator[pa.Table]:
    known = batch.column("known_outcome")
    is_open = pc.and_(is_live, pc.is_null(known))
    if (part := batch.filter(is_open)).num_rows:
        yield explanations.reasons(fitted, part, probability[is_open.to_numpy(False)])
    if (part := batch.filter(pc.and_(is_live, pc.is_valid(known)))).num_rows:
        yield explanations.reasons_of_known(model.label, part)


def _stamped(rows: pa.Table, stamp: dict[str, Any]) -> pa.Table:
    for name, value in stamp.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _rows(batch: pa.RecordBatch, probability: Floats) -> pa.Table:
    keys = ("prediction_id", "entity_id", "snapshot_at", "snapshot_kind", "is_decided")
    return pa.table(
        {name: batch.column(name) for name in keys}
        | {
            "predicted_probability": probability,
            "predicted_label": np.asarray(probability >= THRESHOLD),
        }
    )
