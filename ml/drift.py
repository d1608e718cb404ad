"""Statistics of how far two samples of one feature lie apart. Unknown values are NaN or None."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

_BINS = 10
_FEWEST_EXPECTED = 5  # per cell: below it the chi-square approximation fails


class TestResult(NamedTuple):
    """A test statistic and its p-value."""

    value: float
    p_value: float


def relative_mean_shift(reference: Floats, current: Floats) -> float | None:
    """Returns (mean of current - mean of reference) / |mean of reference|, of known values.

    None where it is not defined: no known value on one side, or a reference mean of zero.
    """
    reference, current = reference[~np.isnan(reference)], current[~np.isnan(current)]
    if not len(reference) or not len(current) or reference.mean() == 0:
        return None
    return float((current.mean() - reference.mean()) / abs(reference.mean()))


def bin_numbers(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """Counts both samples in the deciles of the reference; unknown is a bin of its own."""
    known = reference[~np.isnan(reference)]
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS)) if len(known) else known
    return _binned(reference, edges), _binned(current, edges)


def _binned(values: Floats, edges: Floats) -> Floats:
    place = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(place, minlength=len(edges) + 2).astype(np.float64)


def bin_texts(reference: list[Any], current: list[Any]) -> tuple[Floats, Floats]:
    """Counts both samples by category; unknown is a category of its own, new ones count too."""
    texts = np.array([str(value) if value is not None else "\0" for value in reference + current])
    names, place = np.unique(texts, return_inverse=True)
    split = len(reference)
    return (
        np.bincount(place[:split], minlength=len(names)).astype(np.float64),
        np.bincount(place[split:], minlength=len(names)).astype(np.float64),
    )


def population_stability_index(reference: Floats, current: Floats) -> float:
    """Returns the sum of (q - p) ln(q / p) over bins, p and q being shares of the two samples.

    Half a count is added to every bin, so that an empty one gives a large value, not an infinite.
    """
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    q = (current + 0.5) / (current.sum() + 0.5 * len(current))
    return float(((q - p) * np.log(q / p)).sum())


def kolmogorov_smirnov(reference: Floats, current: Floats) -> TestResult:
    """Returns the largest distance of the two distribution functions, asymptotic p-value.

    Unknown is a value of its own, below all numbers: a feature that vanishes has shifted. Ties make
    the test conservative.
    """
    lowest = [np.where(np.isnan(values), -np.inf, values) for values in (reference, current)]
    found = stats.ks_2samp(*lowest, method="asymp")
    return TestResult(float(found.statistic), float(found.pvalue))


def chi_square(reference: Floats, current: Floats) -> TestResult:
    """Tests whether two rows of counts share one distribution; rare cells are pooled first.

    With a single cell left there is nothing to tell apart: value 0, p-value 1.
    """
    counts = np.stack([reference, current])
    share = counts.sum(axis=1).min() / counts.sum()
    rare = counts.sum(axis=0) * share < _FEWEST_EXPECTED
    cells = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    cells = cells[:, cells.sum(axis=0) > 0]
    if cells.shape[1] < 2:
        return TestResult(0.0, 1.0)
    found = stats.chi2_contingency(cells, correction=False)
    return TestResult(float(found.statistic), float(found.pvalue))


def adjust(p_values: Floats) -> Floats:
    """Returns p-values adjusted after Benjamini and Hochberg (1995).

    Alarms at an adjusted p-value <= q are false in at most the share q of cases, on average.
    """
    count = len(p_values)
    order = np.argsort(p_values)[::-1]  # largest first
    scaled = p_values[order] * count / np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted
