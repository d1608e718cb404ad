"""How well the truth itself predicts: accuracy and AUC of probabilities, with their intervals."""

import math
from typing import NamedTuple

import numpy as np

from generator.arrays import Bools, Floats

Z95 = 1.959963984540054


class OracleScore(NamedTuple):
    """What predicting with true probabilities comes to.

    Expected values follow from the probabilities alone, observed ones from the outcomes.
    Where it takes two classes and there is one, AUC is NaN.
    """

    row_count: int
    base_rate: float
    expected_accuracy: float
    accuracy: float
    accuracy_error: float
    expected_auc: float
    auc: float
    auc_error: float


def oracle_score(probability: Floats, is_positive: Bools) -> OracleScore:
    """Scores probabilities, shape (n,) with n > 0, against the outcomes."""
    count = len(probability)
    correct = ((probability >= 0.5) == is_positive).mean()
    auc, auc_error = _auc(probability, is_positive)
    return OracleScore(
        row_count=count,
        base_rate=float(is_positive.mean()),
        expected_accuracy=float(np.maximum(probability, 1 - probability).mean()),
        accuracy=float(correct),
        accuracy_error=float(np.sqrt(correct * (1 - correct) / count)),
        expected_auc=expected_auc(probability),
        auc=auc,
        auc_error=auc_error,
    )


def expected_auc(probability: Floats) -> float:
    """Returns the AUC to expect when outcomes are drawn with these probabilities.

    Over pairs i, j: the sum of p_i (1 - p_j) where p_i > p_j, ties counting half, over the sum of
    p_i (1 - p_j) over all pairs of different rows.

    Example:
        >>> round(expected_auc(np.array([0.0, 1.0])), 3), round(expected_auc(np.full(5, 0.3)), 3)
        (1.0, 0.5)
    """
    values, position = np.unique(probability, return_inverse=True)
    wins = np.bincount(position, probability, len(values))
    losses = np.bincount(position, 1 - probability, len(values))
    below = np.cumsum(losses) - losses
    # A row is no pair with itself.
    own = np.bincount(position, probability * (1 - probability), len(values))
    ordered = (wins * below + (wins * losses - own) / 2).sum()
    pairs = wins.sum() * losses.sum() - own.sum()
    return float(ordered / pairs) if pairs > 0 else math.nan


def power(lift: float, log_error: float) -> float:
    """Returns the power to detect a relative lift at 5 %, two-sided, given its log's error."""
    if not log_error > 0:
        return math.nan
    distance = math.log1p(lift) / log_error
    return _normal(distance - Z95) + _normal(-distance - Z95)


def _normal(value: float) -> float:
    return (1 + math.erf(value / math.sqrt(2))) / 2


def _auc(score: Floats, is_positive: Bools) -> tuple[float, float]:
    """Returns AUC and its standard error (DeLong, DeLong and Clarke-Pearson 1988)."""
    positives, negatives = np.sort(score[is_positive]), np.sort(score[~is_positive])
    if len(positives) < 2 or len(negatives) < 2:
        return math.nan, math.nan
    above = _placements(positives, negatives)
    below = 1 - _placements(negatives, positives)
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    return float(above.mean()), float(np.sqrt(variance))


def _placements(values: Floats, others: Floats) -> Floats:
    """Returns for each value the share of `others`, sorted, below it; ties count half."""
    strictly, at_most = np.searchsorted(others, values), np.searchsorted(others, values, "right")
    share: Floats = (strictly + at_most) / (2 * len(others))
    return share
