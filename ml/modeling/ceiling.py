"""How well the features allow anybody to predict: a strong learner on far more of the same world.

Run as `python -m ml.modeling.ceiling`; it takes two generated platforms, the one in question and
a larger one of another seed, and writes its probabilities beside the truth of the first.
"""

import argparse
import dataclasses
import sys
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml import settings
from ml.command import fitted, guarded, show, timed
from ml.modeling import assessment, estimators, metrics
from ml.modeling.metrics import ALL_KINDS
from ml.modeling.rows import (
    check_inputs,
    feature_catalogue,
    holdout_rows,
    labelled_rows,
    snapshot_kinds,
    training_rows,
)
from ml.modeling.truth import ceiling_file
from ml.settings import ModelSettings
from ml.warehouse import Warehouse, read_warehouse

_ALL = 10_000_000  # projects
_BEFORE_ALL = datetime(1900, 1, 1)
_ROWS_PER_LEAF = 20_000  # of training, per leaf of a tree: trees grow with the data
_HYPERPARAMETERS = {
    "max_iter": 400,
    "learning_rate": 0.05,
    "min_samples_leaf": 100,
    "l2_regularization": 1.0,
    "max_features": 0.5,
}


def write_ceiling(
    model: ModelSettings, warehouse: Warehouse, larger: Warehouse, truth: Path
) -> int:
    """Trains on the larger platform, predicts the labelled snapshots of the other one.

    Returns:
        Open snapshots trained on; 0 when there are too few, and then nothing is written.

    Raises:
        MlError: A table or column is missing.
    """
    every = dataclasses.replace(model.split, max_train_projects=_ALL)
    known = {each.estimator: each.hyperparameters for each in model.candidates()}
    apart = known.get("gradient_boosting", {}).get(settings.ZERO_APART)
    model = dataclasses.replace(model, estimator="gradient_boosting", split=every)
    for each in (warehouse, larger):
        check_inputs(each, model, model.features)
    rows = training_rows(larger, model, larger.as_of())
    if rows.num_rows < model.split.min_entities:
        return 0
    leaves = int(np.clip(rows.num_rows // _ROWS_PER_LEAF, 8, 63))
    given = _HYPERPARAMETERS | {"max_leaf_nodes": leaves, settings.ZERO_APART: apart}
    fitted = estimators.fit_pipelines([dataclasses.replace(model, hyperparameters=given)], rows)
    schema = pa.schema(
        [("entity_id", pa.int64()), ("snapshot_kind", pa.string()), ("probability", pa.float64())]
    )
    path = ceiling_file(truth, model)
    aside = path.with_suffix(".new")
    with pq.ParquetWriter(aside, schema) as writer:
        for batch in labelled_rows(warehouse, model):
            columns = [batch.column("entity_id"), batch.column("snapshot_kind")]
            scored = pa.array(estimators.scores(fitted, batch)[:, 0])
            writer.write_batch(pa.record_batch([*columns, scored], schema=schema))
    aside.replace(path)
    return int(rows.num_rows)


def compare(model: ModelSettings, warehouse: Warehouse, truth: Path) -> list[str]:
    """Returns a line per snapshot kind: what oracle and observable ceiling reach on open rows."""
    every = dataclasses.replace(model.split, max_test_projects=_ALL)
    model = dataclasses.replace(model, split=every)
    test = holdout_rows(warehouse, model, _BEFORE_ALL, truth=truth)
    found: dict[str, dict[str, str]] = {}
    for name, column in (("oracle", "true_probability"), ("ceiling", "ceiling_probability")):
        probability = test.column(column).to_numpy()
        rows = assessment.scored(test, probability).where(~np.isnan(probability))
        for metric in metrics.measure(rows):
            if metric.split == "test_undecided" and metric.snapshot_kind != ALL_KINDS:
                value = "undefined" if metric.value is None else f"{metric.value:.3f}"
                found.setdefault(metric.snapshot_kind, {})[f"{name} {metric.metric}"] = value
    lines = []
    for kind in (each for each in snapshot_kinds(warehouse, model.entity) if each in found):
        values = found[kind]
        reached = [
            f"{who} AUC {values[f'{who} auc']}, expected accuracy"
            f" {values.get(f'{who} expected_accuracy', 'unknown')}"
            for who in ("oracle", "ceiling")
            if f"{who} auc" in values
        ]
        lines.append(f"{model.name} {kind}, still open then: {'; '.join(reached)}")
    return lines


def main() -> int:
    """Writes the ceiling of each model, prints what it reaches; returns 0, or 2 for a bad call."""
    parser = argparse.ArgumentParser(prog="python -m ml.modeling.ceiling", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="warehouse of the platform")
    parser.add_argument("--larger", type=Path, required=True, help="that of a larger one")
    parser.add_argument("--truth", type=Path, required=True, help="truth of the platform")
    parser.add_argument("--config", type=Path, default=settings.DEFAULT_PATH)
    return guarded("ceiling", partial(_ceilings, parser.parse_args()))


def _ceilings(options: argparse.Namespace) -> int:
    with read_warehouse(options.db) as warehouse, read_warehouse(options.larger) as larger:
        for model in settings.load(options.config, feature_catalogue(warehouse)):
            started = time.perf_counter()
            count = write_ceiling(model, warehouse, larger, options.truth)
            where = ceiling_file(options.truth, model) if count else "nothing: too few"
            heading = f"{model.name}: learned from {count:,} snapshots of another platform"
            lines = compare(model, warehouse, options.truth)
            show("ceiling", fitted([*timed([f"{heading} -> {where}"], started), *lines]))
    note = "The oracle sees skill, appeal and trouble that no feature shows: it is no ceiling for"
    return show("", fitted([f"{note} any model. The observable ceiling is."]))


if __name__ == "__main__":
    sys.exit(main())
