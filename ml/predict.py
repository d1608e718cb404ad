"""Stage `predict`: what is live, and the snapshots that the model in use has never seen."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml import artifacts, estimators, explanations
from ml.errors import MlError
from ml.estimators import FittedModel
from ml.evaluation import THRESHOLD
from ml.settings import ModelSettings
from ml.warehouse import ModelRun, Warehouse


class PredictionError(MlError):
    """There is no model that may predict for this warehouse."""


class Predicted(NamedTuple):
    """How many predictions were added: for what is live, for snapshots after the cut."""

    run: ModelRun
    live_count: int
    historical_count: int


def model_in_use(model: ModelSettings, warehouse: Warehouse) -> ModelRun:
    """Returns the row of the champion, or the one that says why there is none.

    Raises:
        PredictionError: There is none, or it has seen more than this warehouse should know.
    """
    run = warehouse.run_in_use(model.name)
    if run is None:
        raise PredictionError(f"{model.name} has never been trained here: run `train` first")
    if run.status == "trained" and run.as_of > warehouse.as_of():
        raise PredictionError(
            f"{model.name} was trained for {run.as_of}, which is later than this warehouse"
            f" ({warehouse.as_of()}): run `train` first"
        )
    return run


def predict(
    model: ModelSettings, warehouse: Warehouse, models: Path, *, now: datetime
) -> Predicted:
    """Adds the predictions that are not there yet, batch by batch, all or none.

    Snapshots that are decided get the model's opinion too, marked by `is_decided`.

    Raises:
        MlError: The model file is not the recorded one, or a column it reads is missing.
    """
    run = model_in_use(model, warehouse)
    if run.status != "trained":
        return Predicted(run, 0, 0)
    assert run.model_version is not None
    assert run.cutoff_at is not None
    fitted = artifacts.load(models, run)
    features = estimators.features_of(fitted)
    warehouse.check_inputs(model, features)
    live = total = 0
    with warehouse.transaction():
        for batch in warehouse.rows_to_predict(model, features, run.model_version, run.cutoff_at):
            rows = _rows(batch, estimators.score(fitted, batch), run, now)
            total += warehouse.add("predictions", rows)
            current = batch.filter(pc.equal(batch.column("snapshot_kind"), "current"))
            live += current.num_rows
            if current.num_rows:
                warehouse.add("prediction_reasons", _reasons(fitted, current, run, now))
    return Predicted(run, live, total - live)


def _reasons(fitted: FittedModel, batch: pa.RecordBatch, run: ModelRun, now: datetime) -> pa.Table:
    rows = explanations.reasons(fitted, batch)
    same = {
        "model_name": run.model_name,
        "model_version": run.model_version,
        "predicted_at": now,
    }
    for name, value in same.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _rows(
    batch: pa.RecordBatch, probability: estimators.Floats, run: ModelRun, now: datetime
) -> pa.Table:
    keys = ("prediction_id", "entity_id", "snapshot_at", "snapshot_kind", "is_decided")
    same = {
        "model_name": run.model_name,
        "model_version": run.model_version,
        "predicted_at": now,
        "origin": "batch",
    }
    return pa.table(
        {name: batch.column(name) for name in keys}
        | {name: pa.repeat(pa.scalar(value), batch.num_rows) for name, value in same.items()}
        | {
            "predicted_probability": probability,
            "predicted_label": np.asarray(probability >= THRESHOLD),
        }
    )
