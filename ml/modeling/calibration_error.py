"""The calibration error: mean distance of predicted and observed frequency over bins.

Even a perfect model shows some, since observed frequencies vary; the smaller the test, the more.
So beside the error that is seen stand the bound of a perfect model and an estimate of the error
without that noise, whose interval comes from inverting a test: it holds the errors under which the
one that is seen would be no surprise.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ml.modeling.intervals import UNKNOWN, Booleans, Clusters, Floats, Integers, Interval

BINS = 10  # of equal numbers of rows
_DRAWS = 500  # of the noise in all bins
_STEPS = 24  # of the errors that are tried
_LOW, _HALF, _ONE_SIDED, _HIGH = 0.025, 0.5, 0.95, 0.975


class CalibrationError(NamedTuple):
    """The error that is seen, what a perfect model stays below, and the error without noise."""

    seen: float
    bound: float
    debiased: float
    interval: Interval


def bins_of(chance: Floats) -> Integers:
    """Returns the number of the bin of each row, from 0; bins hold equal numbers of rows."""
    count = min(BINS, len(chance))
    rank = np.empty(len(chance), dtype=np.int64)
    rank[np.argsort(chance, kind="stable")] = np.arange(len(chance))
    found: Integers = rank * count // max(len(chance), 1)
    return found


def distance(chance: Floats, outcome: Floats) -> float:
    """Returns the mean distance of predicted and observed frequency over bins."""
    excess = np.bincount(bins_of(chance), chance - outcome)
    return float(np.abs(excess).sum()) / len(chance)


def calibration_error(
    chance: Floats, label: Booleans, entity_id: Integers, clusters: Clusters
) -> CalibrationError:
    """Measures the calibration of predicted probabilities.

    Args:
        chance: Predicted for each row.
        label: Outcome of each row.
        entity_id: What the outcome belongs to: rows of one entity share it.
        clusters: Rows that go together by chance beyond that.
    """
    bins, rows = bins_of(chance), len(chance)
    excess = np.bincount(bins, chance - label) / rows
    seen = float(np.abs(excess).sum())
    places = _rows_of_entities(entity_id)
    perfect = _covariance(chance, bins, places)
    likely = _recalibrated(chance, excess, bins, np.diag(perfect))
    covariance = _covariance(likely, bins, places)
    wider = _inflation(label - likely, covariance, clusters)
    noise = _noise(covariance * wider)
    bound = _quantile(np.abs(_noise(perfect * wider)).sum(axis=1), _ONE_SIDED)
    debiased, low, high = _inverted(excess, np.bincount(bins) / rows, noise)
    is_known = clusters.count > 1 and high > low
    return CalibrationError(seen, bound, debiased, Interval(low, high) if is_known else UNKNOWN)


def _rows_of_entities(entity_id: Integers) -> Integers:
    """Returns a line per entity with the places of its rows, -1 where it has no more."""
    _, place, counts = np.unique(entity_id, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    number = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((len(counts), int(counts.max())), -1)
    found[place[order], number] = order
    return found


def _covariance(chance: Floats, bins: Integers, places: Integers) -> Floats:
    """Returns the covariance of the bins' excess if each outcome had this chance.

    One uniform draw decides all rows of an entity, as one outcome does.
    """
    size = int(bins.max()) + 1
    total = np.zeros(size * size)
    for one in places.T:
        for other in places.T:
            both = (one >= 0) & (other >= 0)
            left, right = one[both], other[both]
            shared = np.minimum(chance[left], chance[right]) - chance[left] * chance[right]
            total += np.bincount(bins[left] * size + bins[right], shared, minlength=size * size)
    found: Floats = total.reshape(size, size) / len(chance) ** 2
    return found


def _recalibrated(chance: Floats, excess: Floats, bins: Integers, variance: Floats) -> Floats:
    """Returns likely chances: each bin moves towards what was observed, as far as it stands out."""
    beyond = np.maximum(excess**2 - variance, 0)
    kept = np.divide(beyond, beyond + variance, out=np.zeros_like(beyond), where=beyond > 0)
    shift = kept * excess * len(chance) / np.bincount(bins)
    found: Floats = np.clip(chance - shift[bins], 0, 1)
    return found


def _inflation(residual: Floats, covariance: Floats, clusters: Clusters) -> float:
    """Returns how much more the residuals vary by cluster than by entity; at least 1."""
    expected = float(covariance.sum())
    if clusters.count < 2 or expected <= 0:
        return 1.0
    influence = (residual - residual.mean()) / len(residual)
    return max(1.0, clusters.spread(influence).variance / expected)


@cache
def _normal(size: int) -> Floats:
    return np.random.default_rng(1).normal(size=(_DRAWS, size))


def _noise(covariance: Floats) -> Floats:
    """Returns draws of the noise, one line each, with a column per bin."""
    value, vector = np.linalg.eigh(covariance)
    found: Floats = _normal(len(value)) @ (vector * np.sqrt(np.maximum(value, 0))).T
    return found


def _inverted(excess: Floats, share: Floats, noise: Floats) -> tuple[float, float, float]:
    """Returns the error without noise and the ends of its interval.

    How the error is spread over the bins is not known. Two ways are tried, the one that is seen
    beyond one standard error and the same shift of all, and the wider ends are taken.
    """
    beyond = np.maximum(np.abs(excess) - noise.std(axis=0), 0)
    seen = np.sign(excess) * beyond if beyond.any() else excess
    common = np.where(excess.sum() < 0, -share, share)
    found = [
        _inverted_along(shape, float(np.abs(excess).sum()), noise)
        for shape in (seen, common)
        if np.abs(shape).sum() > 0
    ]
    debiased, low, high = zip(*found, strict=True)
    return float(np.mean(debiased)), min(low), max(high)


def _inverted_along(shape: Floats, seen: float, noise: Floats) -> tuple[float, float, float]:
    """Returns the same for errors of one shape.

    An error near zero is never refused for a figure that is small by chance, so the interval is
    never empty; where the lower end is 0, all 5 % lie above (as Feldman and Cousins, 1998, order).
    """
    shape = shape / np.abs(shape).sum()
    farthest = seen + float(np.abs(noise).sum(axis=1).max())
    tried = np.linspace(0, farthest, _STEPS)
    errors = tried[:, None, None] * shape + noise
    drawn = np.sort(np.abs(errors, out=errors) @ np.ones(len(shape)), axis=1)

    def error_at(figure: float, level: float) -> float:
        reached = np.maximum.accumulate(drawn[:, int(level * _DRAWS)])
        return float(np.interp(figure, reached, tried)) if figure > reached[0] else 0.0

    turn = error_at(_quantile(drawn[0], _HALF), _LOW)
    one_sided = error_at(seen, _ONE_SIDED)
    low = one_sided if one_sided < turn else max(error_at(seen, _HIGH), turn)
    return error_at(seen, _HALF), low, max(error_at(seen, _LOW), turn)


def _quantile(values: Floats, level: float) -> float:
    return float(np.sort(values)[int(level * len(values))])
