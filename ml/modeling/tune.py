"""Tries hyperparameters by time-ordered cross-validation before the first launch that is measured.

Run as `python -m ml.modeling.tune` on a large platform; whoever likes a line better than the
present one writes it into `models.toml`. Not part of a run: on a small platform it would choose
noise.
"""

import argparse
import dataclasses
import itertools
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ml import settings
from ml.command import guarded, show
from ml.modeling import metrics, rolling
from ml.modeling.rolling import Training
from ml.modeling.rows import (
    check_inputs,
    feature_catalogue,
    first_measured,
    rolling_cuts,
    training_rows,
)
from ml.settings import MEAN, ModelSettings
from ml.warehouse import Warehouse, read_warehouse

# What is varied around the settings of the file, one value of each at a time.
_VARIED: dict[str, dict[str, tuple[Any, ...]]] = {
    "random_forest": {
        "min_samples_leaf": (5, 10, 20, 40),
        "max_features": (0.2, 0.3, 0.5),
        "max_samples": (0.1, 0.2, 0.4),
    },
    "gradient_boosting": {
        "max_iter": (100, 150, 300, 600),
        "learning_rate": (0.02, 0.03, 0.06),
        "max_leaf_nodes": (6, 12, 15, 31),
        "min_samples_leaf": (20, 100),
        "l2_regularization": (1.0, 5.0),
        "max_features": (0.3, 0.5, 1.0),
    },
    "logistic_regression": {"C": (0.01, 0.1, 1.0)},
}


_SHARES = (0.4, 0.6, 0.8)  # of the launches before the first cut that is measured


class Trial(NamedTuple):
    """One setting: its change and the mean log loss of the launches after each earlier cut."""

    change: str
    log_loss: float
    seconds: float


def trials(model: ModelSettings) -> list[tuple[str, ModelSettings]]:
    """Returns the settings of the file, and each of them changed in one place."""
    given = model.hyperparameters
    found = [("as it is", model)]
    for name, values in _VARIED[model.estimator].items():
        for value in values:
            if value != given.get(name):
                changed = dataclasses.replace(model, hyperparameters=given | {name: value})
                found.append((f"{name} = {value}", changed))
    return found


def try_out(model: ModelSettings, warehouse: Warehouse) -> list[Trial]:
    """Fits each setting up to every earlier cut, and judges it by the launches to the next one.

    Nothing after the cut of the model is read: what a model is tested on tunes nothing.
    """
    cutoff = first_measured(rolling_cuts(warehouse, model))
    if cutoff is None:
        return []
    rows = training_rows(warehouse, model, cutoff)
    training = Training(rows, rolling.cuts_among(rows, _SHARES))
    found = []
    for change, changed in trials(model):
        started = time.perf_counter()
        losses = [
            metrics.surprise(label, probability)
            for label, probability in training.stretches(changed)
        ]
        if losses:
            loss = float(np.concatenate(losses).mean())
            found.append(Trial(change, loss, time.perf_counter() - started))
    return found


def main() -> int:
    """Prints the trials of every candidate, the best first; returns 0, or 2 for a bad call."""
    parser = argparse.ArgumentParser(prog="python -m ml.modeling.tune", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="warehouse, only read")
    parser.add_argument("--config", type=Path, default=settings.DEFAULT_PATH)
    return guarded("tune", partial(_tune, parser.parse_args()))


def _tune(options: argparse.Namespace) -> int:
    with read_warehouse(options.db) as warehouse:
        models = settings.load(options.config, feature_catalogue(warehouse))
        for model in itertools.chain.from_iterable(each.candidates() for each in models):
            if model.estimator == MEAN:
                continue
            check_inputs(warehouse, model, model.features)
            found = sorted(try_out(model, warehouse), key=lambda trial: trial.log_loss)
            lines = [
                f"log loss {trial.log_loss:.5f}  {trial.change} ({trial.seconds:.1f} s)"
                for trial in found
            ]
            nothing = ["too few rows to try anything"]
            show("tune", [f"{model.name} by {model.estimator}", *(lines or nothing)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
