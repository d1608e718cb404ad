"""95 % intervals over projects or over creators, whichever are wider, without resampling.

An estimate comes with its influence: what each row adds to its distance from the truth. Rows of a
project are nearly copies of each other and those of a creator alike, so the influence is summed by
both, and the wider sum gives the standard error (cluster-robust, "delta method"; for the AUC that
of DeLong et al., 1988). Student's t takes the place of the normal, with the degrees of freedom that
the variance is worth: few when few clusters carry it (Satterthwaite's rule for a sum of squares).
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri, stdtrit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

# An interval is symmetric on this scale; of a share it is Wilson's, with the rows that it is worth.
Scale = Literal["plain", "log", "log of the rest", "logit", "share"]

ERROR = 0.05


class Estimate(NamedTuple):
    """A figure and the influence of each row on it; the influences add up to zero."""

    value: float
    influence: Floats
    scale: Scale = "plain"


class Interval(NamedTuple):
    """Ends of a 95 % interval; both None where none can be given."""

    low: float | None
    high: float | None


class Spread(NamedTuple):
    """Variance of an estimate and what it rests on."""

    variance: float
    freedom: float
    cluster_count: int


UNKNOWN = Interval(None, None)


class Clusters:
    """Rows that go together by chance: those of one project, and those of one creator."""

    def __init__(self, *ids: Integers) -> None:
        """Takes one array per way of clustering, each with an id per row."""
        self._places = [np.unique(each, return_inverse=True)[1] for each in ids]
        self.count = min((int(each.max()) + 1 for each in self._places if len(each)), default=0)

    def spread(self, influence: Floats) -> Spread:
        """Returns the spread under the clustering that makes it largest; two clusters at least."""
        sums = (np.bincount(place, influence).astype(np.float64) for place in self._places)
        return max(_spread(each) for each in sums)


def _spread(sums: Floats) -> Spread:
    count = len(sums)
    squares = float(sums @ sums)
    # 2 * (mean of squares)^2 / variance of the mean of squares
    unevenness = float((sums**4).sum()) - squares**2 / count
    freedom = float(count - 1)
    if unevenness > 0:
        freedom = min(freedom, 2 * squares**2 / unevenness)
    return Spread(squares * count / (count - 1), freedom, count)


def mean(values: Floats, scale: Scale = "plain") -> Estimate:
    """Returns the mean over rows."""
    value = float(values.mean())
    return Estimate(value, (values - value) / len(values), scale)


def total(values: Floats) -> Estimate:
    """Returns the sum over as many rows as there are."""
    return Estimate(float(values.sum()), values - values.mean(), "log")


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Returns how much higher one estimate is than another of the same rows."""
    return Estimate(one.value - other.value, one.influence - other.influence)


def interval(estimate: Estimate, clusters: Clusters, error: float = ERROR) -> Interval:
    """Returns the interval of an estimate, which misses the truth with the given chance.

    Where no row differs from another, as without a single error in a small test, only a share has
    one: nobody could claim [1.000, 1.000].
    """
    if clusters.count < 2 or np.isnan(estimate.value):
        return UNKNOWN
    spread = clusters.spread(estimate.influence)
    if estimate.scale == "share":
        return _wilson(estimate.value, spread, clusters, len(estimate.influence), error)
    if not spread.variance > 0:
        return UNKNOWN
    reach = float(stdtrit(spread.freedom, 1 - error / 2)) * np.sqrt(spread.variance)
    return Interval(*sorted(_end(estimate, way * reach) for way in (-1, 1)))


def _end(estimate: Estimate, distance: float) -> float:
    value, scale = estimate.value, estimate.scale
    if scale == "log" and value > 0:
        return float(value * np.exp(distance / value))
    if scale == "log of the rest" and value < 1:
        return float(1 - (1 - value) * np.exp(distance / (1 - value)))
    if scale == "logit" and 0 < value < 1:
        return float(expit(logit(value) + distance / (value * (1 - value))))
    return value + distance


def _wilson(share: float, spread: Spread, clusters: Clusters, rows: int, error: float) -> Interval:
    """Returns the interval of Wilson (1927), with the number of independent rows they are worth."""
    worth = float(clusters.count)
    if spread.variance > 0:
        worth = min(share * (1 - share) / spread.variance, rows)
    quantile = float(ndtri(1 - error / 2))
    shrink = 1 + quantile**2 / worth
    centre = (share + quantile**2 / (2 * worth)) / shrink
    reach = np.sqrt(share * (1 - share) / worth + (quantile / (2 * worth)) ** 2)
    reach *= quantile / shrink
    return Interval(float(max(centre - reach, 0)), float(min(centre + reach, 1)))
