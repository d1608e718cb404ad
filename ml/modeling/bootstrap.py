"""The bootstrap over projects: resamples, their sums and their 95 % intervals."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CELLS = 2_000_000  # of one block of resamples: bounds the memory


def draws(project_count: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yields blocks of resamples, one line each: how often each project was drawn."""
    if project_count < 2:
        return
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // (8 * project_count))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        drawn = rng.integers(0, project_count, size=(count, project_count))
        cells = drawn + np.arange(count)[:, None] * project_count
        times = np.bincount(cells.ravel(), minlength=count * project_count)
        yield times.reshape(count, -1).astype(np.float64)


def intervals(drawn: list[Floats], count: int) -> tuple[Floats, Floats]:
    """Returns the 2.5 % and 97.5 % quantiles of each of `count` columns; NaN where undefined."""
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    values = np.concatenate(drawn) if drawn else np.empty((0, count))
    for column in range(count):
        # A resample may hold one class only, where some metrics are not defined. Where all give the
        # same value, as without a single error in a small test, resampling has nothing to say.
        defined = values[~np.isnan(values[:, column]), column]
        if len(defined) and np.ptp(defined) > 0:
            low[column], high[column] = np.quantile(defined, (0.025, 0.975))
    return low, high


def summed(project_id: Integers, columns: Floats) -> Floats:
    """Returns the sums of columns by project: what adds up needs no weight per row."""
    order = np.argsort(project_id, kind="stable")
    sorted_id = project_id[order]
    first = np.flatnonzero(np.r_[True, sorted_id[1:] != sorted_id[:-1]])
    summed: Floats = np.add.reduceat(columns[order], first, axis=0)
    return summed


def known_value(value: float) -> float | None:
    """Returns the value, None for NaN."""
    return None if np.isnan(value) else float(value)
