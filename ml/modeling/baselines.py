"""What a model is held against: simple rules, a leaking model, and on generated data the truth."""

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.modeling import estimators, rolling
from ml.modeling.rolling import Training
from ml.modeling.rows import FINAL_TOTALS
from ml.settings import BASE_RATE, Features, ModelSettings

Floats = npt.NDArray[np.float64]

ORACLE = "oracle"
CEILING = "observable_ceiling"


class Predictor(NamedTuple):
    """Probabilities of another predictor for the rows a model is tested on; NaN: none."""

    name: str
    probability: Floats


def predictors(
    model: ModelSettings, training: Training, by_cut: pa.Table, test: pa.Table
) -> list[Predictor]:
    """Returns what the baselines, and where it is known the truth, predict for the test rows.

    `base_rate` gives every row the share of positives of its snapshot kind in training, and
    `<feature>_only` is a logistic model of one feature for each kind: both are fitted anew at every
    cut, as the model is. `final_totals_leaking` knows the rows closed by the first one, and may
    look at totals of after the snapshot, which are the outcome in disguise: it shows what a leak
    looks like, and is no rival. `oracle` is the true probability given everything in the
    simulation, the hidden parts too; `observable_ceiling` a strong learner on ten times the data of
    another such platform, with the same features: no model of these features can be much better.
    """
    if not test.num_rows:
        return []
    found = [
        Predictor(name, rolling.score(training.fit(settings), test))
        for name, settings in ((BASE_RATE, model.base_rate()), (rule_name(model), model.rule()))
    ]
    found.append(Predictor("final_totals_leaking", _leaking(model, by_cut, test)))
    for name, column in ((ORACLE, "true_probability"), (CEILING, "ceiling_probability")):
        probability = test.column(column).to_numpy()
        if not np.isnan(probability).all():
            found.append(Predictor(name, probability))
    return found


def rule_name(model: ModelSettings) -> str:
    """Returns the name of the rule that knows one feature only."""
    return f"{model.rule_feature}_only"


def _leaking(model: ModelSettings, by_cut: pa.Table, test: pa.Table) -> Floats:
    wider = Features(
        model.features.numeric + FINAL_TOTALS[model.entity], model.features.categorical
    )
    leaking = dataclasses.replace(
        model, estimator="gradient_boosting", hyperparameters={"max_iter": 50}, features=wider
    )
    return estimators.scores(estimators.fit_pipelines([leaking], by_cut), test)[:, 0]
