"""How good the predictions are: by split and clock, with intervals over projects."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

METRICS = ("auc", "accuracy", "brier_score", "log_loss")
THRESHOLD = 0.5  # a probability from here on predicts the label
ALL_KINDS = "all"
_CELLS = 2_000_000  # of one block of resamples: bounds the memory


class ScoredRows(NamedTuple):
    """Predicted rows with known labels; arrays of one length."""

    project_id: Integers
    snapshot_kind: npt.NDArray[np.str_]
    is_decided: Booleans
    label: Booleans
    probability: Floats

    def where(self, mask: Booleans) -> "ScoredRows":
        """Returns the rows of the mask."""
        columns = {name: column[mask] for name, column in self._asdict().items()}
        return ScoredRows(**columns)


class Metric(NamedTuple):
    """One metric of one slice; None where it is not defined (one class only, one project only)."""

    split: str
    snapshot_kind: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    row_count: int
    base_rate: float


def measure(rows: ScoredRows, *, resamples: int, seed: int) -> list[Metric]:
    """Measures each split and kind of snapshot.

    The 95 % intervals are percentiles of a bootstrap that draws whole projects: the snapshots of
    one project tell nearly the same story, and drawing rows would give intervals far too short.
    """
    found = []
    for split, kind, part in _slices(rows):
        values = _values(part, np.ones((1, len(part.label))))[0]
        low, high = _intervals(part, resamples, seed)
        base_rate = float(part.label.mean())
        for place, metric in enumerate(METRICS):
            figures = (_known(values[place]), _known(low[place]), _known(high[place]))
            found.append(Metric(split, kind, metric, *figures, len(part.label), base_rate))
    return found


def _slices(rows: ScoredRows) -> Iterator[tuple[str, str, ScoredRows]]:
    for split, part in (("test", rows), ("test_undecided", rows.where(~rows.is_decided))):
        if len(part.label):
            yield split, ALL_KINDS, part
        for kind in np.unique(part.snapshot_kind):
            yield split, str(kind), part.where(part.snapshot_kind == kind)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _intervals(rows: ScoredRows, resamples: int, seed: int) -> tuple[Floats, Floats]:
    projects, place = np.unique(rows.project_id, return_inverse=True)
    nothing = np.full(len(METRICS), np.nan)
    if len(projects) < 2:
        return nothing, nothing
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS // len(place))
    found = []
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        drawn = rng.integers(0, len(projects), size=(count, len(projects)))
        cells = drawn + np.arange(count)[:, None] * len(projects)
        times = np.bincount(cells.ravel(), minlength=count * len(projects))
        found.append(_values(rows, times.reshape(count, -1)[:, place].astype(np.float64)))
    values = np.concatenate(found)
    low, high = nothing.copy(), nothing.copy()
    for metric in range(len(METRICS)):
        defined = values[~np.isnan(values[:, metric]), metric]  # a resample may hold one class only
        if len(defined):
            low[metric], high[metric] = np.quantile(defined, (0.025, 0.975))
    return low, high


def _values(rows: ScoredRows, weights: Floats) -> Floats:
    """Returns the metrics in order of METRICS, one line per line of weights."""
    label, chance = rows.label, rows.probability
    tiny = np.finfo(np.float64).eps
    chance_of_truth = np.clip(np.where(label, chance, 1 - chance), tiny, 1 - tiny)
    per_row = np.stack(
        [(chance >= THRESHOLD) == label, (chance - label) ** 2, -np.log(chance_of_truth)], axis=1
    )
    means = weights @ per_row / weights.sum(axis=1, keepdims=True)
    return np.column_stack([_auc(label, chance, weights), means])


def _auc(label: Booleans, chance: Floats, weights: Floats) -> Floats:
    """Returns the chance that a positive row outranks a negative one, ties counting half."""
    order = np.argsort(chance, kind="stable")
    sorted_chance, sorted_label = chance[order], label[order]
    first = np.flatnonzero(np.r_[True, sorted_chance[1:] != sorted_chance[:-1]])
    weights = weights[:, order]
    positive = np.add.reduceat(weights * sorted_label, first, axis=1)
    negative = np.add.reduceat(weights * ~sorted_label, first, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        auc: Floats = (positive * (below + negative / 2)).sum(axis=1) / pairs
    return auc
