"""How far two samples of one feature lie apart. Unknown values are NaN or None."""

from collections import Counter
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]

_BINS = 10
_MIN_EXPECTED = 5  # per cell: below it the chi-square approximation fails
_CAPS = (0.05, 0.95)  # quantiles of the reference: one blockbuster must not carry a mean


class Shift(NamedTuple):
    """What the comparison of one feature found; None where a figure is not defined.

    Attributes:
        test: `ks` or `chi_square`.
        has_mean: Whether a mean makes sense; categories have none.
        test_value: The statistic of that test.
        p_value: The probability of such a statistic, or a larger one, without any shift.
        mean_shift: (mean now - mean then) / |mean then|, of known values.
        capped_shift: The same of values capped at the 5 % and 95 % quantiles of the reference.
        capped_low: What the size of the capped shift exceeds with confidence; negative: nothing.
        psi: Population stability index over the deciles of the reference, or over categories.
        psi_low: What the index exceeds with confidence, beyond what chance alone adds to it.
    """

    test: str
    has_mean: bool
    test_value: float
    p_value: float
    mean_shift: float | None
    capped_shift: float | None
    capped_low: float | None
    psi: float
    psi_low: float


class Reference(Protocol):
    """The sample that others are compared with; it is prepared once."""

    is_known: bool

    def compare(self, current: Any, z: float) -> Shift:
        """Compares a sample with it; lower bounds lie z standard errors below."""
        ...


class Numbers:
    """A reference of numbers: Kolmogorov-Smirnov, means, stability over deciles."""

    def __init__(self, reference: Floats) -> None:
        """Takes the sample, shape (n,), n > 0."""
        self.is_known = is_known(reference)
        self._ordered = _ordered(reference)
        known = self._ordered[np.isfinite(self._ordered)]
        self._edges = np.unique(np.quantile(known, _quantiles())) if len(known) else known
        self._counts = _binned(self._ordered, int(np.isnan(reference).sum()), self._edges)
        self._mean = float(known.mean()) if len(known) else 0.0
        low, high = np.quantile(known, _CAPS) if len(known) else (0.0, 0.0)
        # Caps that meet, as of a rare yes among noes, would hide the feature.
        self._caps = (low, high) if low < high else (-np.inf, np.inf)
        self._capped = _mean_and_error(np.clip(known, *self._caps))

    def compare(self, current: Floats, z: float) -> Shift:
        """Compares a sample, shape (m,), m > 0, with the reference."""
        known, ordered = current[~np.isnan(current)], _ordered(current)
        test_value, p_value = _kolmogorov_smirnov(self._ordered, ordered)
        counts = _binned(ordered, len(current) - len(known), self._edges)
        psi, psi_low = stability_index(self._counts, counts, z)
        shift = capped = capped_low = None
        if len(known) and self._mean:
            shift = float((known.mean() - self._mean) / abs(self._mean))
        if len(known) and self._capped[0]:
            now = _mean_and_error(np.clip(known, *self._caps))
            capped, capped_low = _relative_shift(self._capped, now, z)
        return Shift("ks", True, test_value, p_value, shift, capped, capped_low, psi, psi_low)


class Categories:
    """A reference of categories or of yes and no: chi-square, stability over categories.

    Unknown is a category of its own, and so is one that the reference never held.
    """

    def __init__(self, reference: list[Any]) -> None:
        """Takes the sample; true and false count as 1 and 0 for the mean."""
        self.is_known = is_known(reference)
        self._counts = Counter(reference)
        self._share = _share(reference, self._counts)

    def compare(self, current: list[Any], z: float) -> Shift:
        """Compares a sample of at least one value with the reference."""
        counts = Counter(current)
        names = {**self._counts, **counts}
        before, after = (
            np.array([each[name] for name in names], dtype=np.float64)
            for each in (self._counts, counts)
        )
        test_value, p_value = chi_square(before, after)
        psi, psi_low = stability_index(before, after, z)
        shift = low = None
        share = _share(current, counts)
        if self._share is not None and share is not None and self._share[0]:
            shift, low = _relative_shift(self._share, share, z)
        has_mean = self._share is not None
        figures = (test_value, p_value, shift, shift, low, psi, psi_low)
        return Shift("chi_square", has_mean, *figures)


def is_known(values: Floats | list[Any]) -> bool:
    """Returns whether a sample holds any known value."""
    if isinstance(values, list):
        return any(value is not None for value in values)
    return not bool(np.isnan(values).all())


def _quantiles() -> Floats:
    return np.arange(1, _BINS) / _BINS


def _ordered(values: Floats) -> Floats:
    """Returns the values in order; unknown ones are below all others."""
    return np.sort(np.where(np.isnan(values), -np.inf, values))


def _binned(ordered: Floats, unknown_count: int, edges: Floats) -> Floats:
    """Returns the counts up to each edge, above the last one, and of what is unknown."""
    up_to = np.searchsorted(ordered, edges, side="right")
    ends = np.concatenate([[unknown_count], up_to, [len(ordered)]])
    return np.concatenate([np.diff(ends), [unknown_count]]).astype(np.float64)


def _mean_and_error(values: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, 0.0
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def _share(values: list[Any], counts: Counter[Any]) -> tuple[float, float] | None:
    if not all(isinstance(name, bool) for name in counts if name is not None):
        return None
    known = [value for value in values if value is not None]
    return _mean_and_error(np.array(known, dtype=np.float64)) if known else None


def _relative_shift(
    before: tuple[float, float], after: tuple[float, float], z: float
) -> tuple[float, float]:
    """Returns the shift of a mean and the lower bound of its size, by the delta method."""
    (mean, error), (now, now_error) = before, after
    shift = (now - mean) / abs(mean)
    spread = np.hypot(now_error, error * now / mean) / abs(mean)
    return float(shift), float(abs(shift) - z * spread)


def stability_index(before: Floats, after: Floats, z: float) -> tuple[float, float]:
    """Returns the population stability index of two rows of counts, and a lower bound.

    The index is the sum of (q - p) ln(q / p), p and q being shares of the two samples; half a count
    is added to every cell, so that an empty one gives a large value, not an infinite. Samples
    of n and m from one distribution over k cells give (k - 1) (1/n + 1/m) on average: the bound
    takes that away, and z standard errors (delta method).
    """
    used = (before + after) > 0
    before, after = before[used], after[used]
    n, m = before.sum(), after.sum()
    p = (before + 0.5) / (n + 0.5 * len(before))
    q = (after + 0.5) / (m + 0.5 * len(after))
    logs = np.log(q / p)
    index = float(((q - p) * logs).sum())
    slope_q, slope_p = logs + 1 - p / q, 1 - logs - q / p
    variance = ((q * slope_q**2).sum() - (q * slope_q).sum() ** 2) / m
    variance += ((p * slope_p**2).sum() - (p * slope_p).sum() ** 2) / n
    by_chance = (len(before) - 1) * (1 / n + 1 / m)
    return index, float(index - by_chance - z * np.sqrt(max(variance, 0.0)))


def _kolmogorov_smirnov(before: Floats, after: Floats) -> tuple[float, float]:
    """Returns the largest distance of the distribution functions of two sorted samples.

    The p-value is Kolmogorov's limit with the correction of Stephens (1970). Unknown is a value of
    its own, below all numbers: a feature that vanishes has shifted. Ties make the test
    conservative.
    """
    n, m = len(before), len(after)
    first = np.flatnonzero(np.concatenate([[True], after[1:] != after[:-1]]))  # of equal ones
    values = after[first]
    # between two values of `after` only `before` rises
    below = np.searchsorted(before, values, side="left") / n - first / m
    up_to = np.searchsorted(before, values, side="right") / n - np.concatenate([first[1:], [m]]) / m
    gap = float(max(np.abs(below).max(), np.abs(up_to).max()))
    root = np.sqrt(n * m / (n + m))
    return gap, float(special.kolmogorov((root + 0.12 + 0.11 / root) * gap))


def chi_square(before: Floats, after: Floats) -> tuple[float, float]:
    """Tests whether two rows of counts share one distribution; rare cells are pooled first.

    With a single cell left there is nothing to compare: value 0, p-value 1.
    """
    counts = np.stack([before, after])
    share = counts.sum(axis=1).min() / counts.sum()
    rare = counts.sum(axis=0) * share < _MIN_EXPECTED
    cells = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    cells = cells[:, cells.sum(axis=0) > 0]
    if cells.shape[1] < 2:
        return 0.0, 1.0
    expected = stats.contingency.expected_freq(cells)
    value = float(((cells - expected) ** 2 / expected).sum())
    return value, float(special.chdtrc(cells.shape[1] - 1, value))
