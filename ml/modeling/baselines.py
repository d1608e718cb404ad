"""What a model is held against: simple rules, a leaking model, and on generated data the truth."""

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.modeling import estimators
from ml.modeling.rows import FINAL_TOTALS
from ml.settings import Features, ModelSettings

Floats = npt.NDArray[np.float64]

BASE_RATE = "base_rate"
ORACLE = "oracle"
CEILING = "observable_ceiling"


class Predictor(NamedTuple):
    """Probabilities of another predictor for the rows a model is tested on; NaN: none."""

    name: str
    probability: Floats


def predictors(model: ModelSettings, training: pa.Table, test: pa.Table) -> list[Predictor]:
    """Returns what the baselines, and where it is known the truth, predict for the test rows.

    `base_rate` gives every row the share of positives of its snapshot kind in training;
    `<feature>_only` and `logistic_regression` are logistic models of one feature and of all;
    `final_totals_leaking` may look at totals of after the snapshot, which are the outcome in
    disguise: it shows what a leak looks like, and is no rival. `oracle` is the true probability
    given everything in the simulation, the hidden parts too; `observable_ceiling` a strong learner
    on ten times the data of another such platform, with the same features: no model of these
    features can be much better.
    """
    if not test.num_rows:
        return []
    plain = dataclasses.replace(
        model, split=dataclasses.replace(model.split, calibration_shares=())
    )
    simple = dataclasses.replace(plain, estimator="logistic_regression", hyperparameters={})
    rule = dataclasses.replace(simple, features=Features((model.rule_feature,), ()))
    wider = Features(
        model.features.numeric + FINAL_TOTALS[model.entity], model.features.categorical
    )
    leaking = dataclasses.replace(
        plain, estimator="gradient_boosting", hyperparameters={"max_iter": 50}, features=wider
    )
    found = [Predictor(BASE_RATE, _base_rate(training, test))]
    for name, settings in (
        (rule_name(model), rule),
        ("logistic_regression", simple),
        ("final_totals_leaking", leaking),
    ):
        found.append(Predictor(name, estimators.score(estimators.fit(settings, training), test)))
    for name, column in ((ORACLE, "true_probability"), (CEILING, "ceiling_probability")):
        probability = test.column(column).to_numpy()
        if not np.isnan(probability).all():
            found.append(Predictor(name, probability))
    return found


def rule_name(model: ModelSettings) -> str:
    """Returns the name of the rule that knows one feature only."""
    return f"{model.rule_feature}_only"


def _base_rate(training: pa.Table, test: pa.Table) -> Floats:
    known = np.array(training.column("snapshot_kind").to_pylist(), dtype=np.str_)
    label = training.column("label").to_numpy().astype(np.float64)
    kinds = np.array(test.column("snapshot_kind").to_pylist(), dtype=np.str_)
    found = np.full(len(kinds), label.mean())
    for kind in np.unique(known):
        found[kinds == kind] = label[known == kind].mean()
    return found
