"""From the scores of several estimators to one probability, by outcomes none of them had seen."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from ml.modeling import calibration, estimators, intervals
from ml.modeling.calibration import Booleans, Calibrator, Floats, Texts
from ml.modeling.metrics import surprise

_EDGE = 1e-3  # no single estimator is believed more surely than this
_FEWEST = 10  # projects that can say whether a calibrator helps


class Scored(NamedTuple):
    """Rows of launches that the scoring estimators had not seen; arrays of one length.

    Attributes:
        score: One column per estimator.
        stretch: Number of the stretch of time between two cuts, rising.
    """

    score: Floats
    label: Booleans
    snapshot_kind: Texts
    project_id: npt.NDArray[np.int64]
    stretch: npt.NDArray[np.int64]

    def where(self, mask: Booleans) -> "Scored":
        """Returns the rows of the mask."""
        return Scored(**{name: column[mask] for name, column in self._asdict().items()})


class Combination(NamedTuple):
    """The weighted mean of log-odds, and what makes a probability of it.

    Attributes:
        weights: Of the estimators; they add up to 1.
        calibrator: Leaves the mean as it is unless it has proven to help.
    """

    weights: Floats
    calibrator: Calibrator


def fit(scored: Scored, prior: Floats) -> Combination:
    """Weighs the estimators by what they were worth, and calibrates where that has helped.

    The weights maximise the likelihood under a Dirichlet prior: `prior` counts as that many
    projects of evidence for each estimator, so that few outcomes leave the weights near the prior's
    proportions. A calibrator is kept only if one that was fitted to all stretches but the newest
    gives that one a log loss lower by more than the standard error over projects: on few outcomes
    it makes more errors than it mends.

    Args:
        scored: No rows while nothing is known yet.
        prior: One number above 0 per estimator.
    """
    if not len(scored.label):
        return Combination(prior / prior.sum(), calibration.nothing_known())
    weights = _weights(scored, prior)
    return Combination(weights, _calibrator(scored, mean(weights, scored.score)))


def apply(combination: Combination, score: Floats, kind: Texts) -> Floats:
    """Returns the probabilities, strictly between 0 and 1; the same alone as in any batch."""
    return calibration.apply(combination.calibrator, mean(combination.weights, score), kind)


def mean(weights: Floats, score: Floats) -> Floats:
    """Returns the probability of the weighted mean of log-odds."""
    found: Floats = expit(estimators.weighted_sum(odds(score), weights))
    return found


def odds(score: Floats) -> Floats:
    """Returns the log-odds of scores, none believed more surely than the edge."""
    found: Floats = logit(np.clip(score, _EDGE, 1 - _EDGE))
    return found


def _weights(scored: Scored, prior: Floats) -> Floats:
    if len(prior) == 1:
        return np.ones(1)
    each, sign = odds(scored.score), np.where(scored.label, 1.0, -1.0)
    weight = calibration.weight_of_row(scored.project_id)

    def loss(free: Floats) -> tuple[float, Floats]:
        share = _softmax(free)
        margin = sign * (each @ share)
        by_share = each.T @ (-weight * sign * expit(-margin)) - prior / share
        value = weight * np.logaddexp(0, -margin).sum() - (prior * np.log(share)).sum()
        return float(value), share * (by_share - share @ by_share)

    start = np.log(prior / prior.sum())
    return _softmax(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def _softmax(free: Floats) -> Floats:
    power = np.exp(np.clip(free - free.max(), -20, 0))
    found: Floats = power / power.sum()
    return found


def _calibrator(scored: Scored, score: Floats) -> Calibrator:
    newest = scored.stretch == scored.stretch.max()
    if newest.all():
        return calibration.nothing_known()
    columns = (score, scored.label, scored.snapshot_kind, scored.project_id)
    earlier = calibration.fit(*(column[~newest] for column in columns))
    label, kind = scored.label[newest], scored.snapshot_kind[newest]
    calibrated = calibration.apply(earlier, score[newest], kind)
    gain = surprise(label, score[newest]) - surprise(label, calibrated)
    projects = intervals.Clusters(scored.project_id[newest])
    if projects.count < _FEWEST:
        return calibration.nothing_known()
    error = np.sqrt(projects.spread(intervals.mean(gain).influence).variance)
    return calibration.fit(*columns) if gain.mean() > error else calibration.nothing_known()
