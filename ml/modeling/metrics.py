"""How good predictions are: by split and snapshot kind, with intervals over projects."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.modeling.bootstrap import CELLS, Floats, Integers, draws, intervals, known_value, summed

Booleans = npt.NDArray[np.bool_]

THRESHOLD = 0.5  # a probability from here on predicts the label
ALL_KINDS = "all"
BINS = 10  # of a calibration curve, of equal numbers of rows

OUTCOME_METRICS = (
    "auc",
    "accuracy",
    "brier_score",
    "brier_skill",
    "log_loss",
    "calibration_error",
)
# What a threshold of one half would have cost had money followed it; in units of the currency.
MONEY_METRICS = ("amount_released_to_failing", "amount_held_from_delivering")
# Against the true probability, which only a generated platform has.
TRUTH_METRICS = ("expected_accuracy", "true_calibration_error")


class ScoredRows(NamedTuple):
    """Rows with known labels; arrays of one length.

    Attributes:
        probability: Predicted by whatever is measured.
        true_probability: Chance of the label given all that the platform's simulation knows; NaN
            where it is not known, which is everywhere on a real export.
        amount: Money that hangs on the row's outcome; NaN where there is none.
    """

    project_id: Integers
    snapshot_kind: npt.NDArray[np.str_]
    is_decided: Booleans
    is_first_time: Booleans
    label: Booleans
    probability: Floats
    true_probability: Floats
    amount: Floats

    def where(self, mask: Booleans) -> "ScoredRows":
        """Returns the rows of the mask."""
        columns = {name: column[mask] for name, column in self._asdict().items()}
        return ScoredRows(**columns)


class Metric(NamedTuple):
    """One metric of one slice; None where it is not defined (one class only, one project only)."""

    split: str
    snapshot_kind: str
    row_count: int
    base_rate: float
    metric: str
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None


def measure(rows: ScoredRows, *, resamples: int, seed: int) -> list[Metric]:
    """Measures each split and kind of snapshot.

    The 95 % intervals are percentiles of a bootstrap that draws whole projects: the snapshots of
    one project are nearly copies of each other, and drawing rows would give intervals far too
    short. The calibration error is the mean distance of predicted and observed frequency, over bins
    of equal numbers of rows; even a perfect model shows some, at most `calibration_error_bound` in
    95 % of cases (found by simulation).
    """
    found = []
    for split, kind, part in slices(rows):
        size, base_rate = len(part.label), float(part.label.mean())
        bound = _perfect_calibration_error(part, resamples, seed)
        for figure in _figures(part, resamples, seed):
            found.append(Metric(split, kind, size, base_rate, *figure))
        found.append(Metric(split, kind, size, base_rate, "calibration_error_bound", bound))
    return found


def measure_difference(
    rows: ScoredRows, other: Floats, *, suffix: str, resamples: int, seed: int
) -> list[Metric]:
    """Measures how much higher each metric is than that of other probabilities of the same rows.

    Both are measured on the same resamples, so the interval is that of the paired difference.
    """
    found = []
    others = rows._replace(probability=other)
    for (split, kind, part), (_, _, rival) in zip(slices(rows), slices(others), strict=True):
        size, base_rate = len(part.label), float(part.label.mean())
        for name, value, low, high in _figures(part, resamples, seed, rival):
            name = f"{name}_{suffix}"
            found.append(Metric(split, kind, size, base_rate, name, value, low, high))
    return found


class Difference(NamedTuple):
    """A difference of means over rows, with its 95 % interval; None where all rows differ alike."""

    value: float
    low: float | None
    high: float | None


def difference_in_log_loss(
    rows: ScoredRows, other: Floats, *, resamples: int, seed: int
) -> Difference:
    """Returns how much higher the log loss of the rows is than that of other probabilities."""
    excess = surprise(rows.label, rows.probability) - surprise(rows.label, other)
    by_project = summed(rows.project_id, np.column_stack([excess, np.ones(len(excess))]))
    drawn = [
        np.divide(*np.split(times @ by_project, 2, axis=1))
        for times in draws(len(by_project), resamples, seed)
    ]
    low, high = intervals(drawn, 1)
    return Difference(float(excess.mean()), known_value(low[0]), known_value(high[0]))


def surprise(label: Booleans, chance: Floats) -> Floats:
    """Returns minus the log of the probability given to the outcome; its mean is the log loss."""
    tiny = np.finfo(np.float64).eps
    found: Floats = -np.log(np.clip(np.where(label, chance, 1 - chance), tiny, 1))
    return found


def slices(rows: ScoredRows) -> Iterator[tuple[str, str, ScoredRows]]:
    """Returns the rows of every split, all kinds together and one by one."""
    undecided = rows.where(~rows.is_decided)
    for split, part in (
        ("test", rows),
        ("test_undecided", undecided),
        ("test_first_time", undecided.where(undecided.is_first_time)),
    ):
        if len(part.label):
            yield split, ALL_KINDS, part
        for kind in np.unique(part.snapshot_kind):
            yield split, str(kind), part.where(part.snapshot_kind == kind)


def _figures(
    rows: ScoredRows, resamples: int, seed: int, rival: ScoredRows | None = None
) -> Iterator[tuple[str, float | None, float | None, float | None]]:
    both = [_Judged(each) for each in (rows, rival) if each is not None]
    once = np.ones((1, both[0].project_count))
    drawn = [
        _excess([each.values(times) for each in both])
        for times in draws(both[0].project_count, resamples, seed)
    ]
    value = _excess([each.values(once) for each in both])[0]
    names = _metrics(rows)
    low, high = intervals(drawn, len(names))
    for place, name in enumerate(names):
        yield name, known_value(value[place]), known_value(low[place]), known_value(high[place])


def _excess(values: list[Floats]) -> Floats:
    return values[0] - values[1] if len(values) > 1 else values[0]


def _metrics(rows: ScoredRows) -> tuple[str, ...]:
    names: tuple[str, ...] = OUTCOME_METRICS
    if not np.isnan(rows.amount).any():
        names += MONEY_METRICS
    if not np.isnan(rows.true_probability).all():
        names += TRUTH_METRICS
    return names


class _Judged:
    """Rows of one slice, summed by project once, measured on any number of resamples."""

    def __init__(self, rows: ScoredRows) -> None:
        self._rows = rows
        label, chance = rows.label, rows.probability
        parts: dict[str, Floats] = {
            "rows": np.ones(len(label)),
            "label": label.astype(np.float64),
            "right": ((chance >= THRESHOLD) == label).astype(np.float64),
            "squares": (chance - label) ** 2,
            "surprise": surprise(label, chance),
            "excess": in_bins(chance) * (chance - label)[:, None],
        }
        self._names = _metrics(rows)
        if MONEY_METRICS[0] in self._names:
            is_released = chance < THRESHOLD
            parts["released"] = rows.amount * (is_released & label)
            parts["held"] = rows.amount * (~is_released & ~label)
        if TRUTH_METRICS[0] in self._names:
            truth, known = rows.true_probability, ~np.isnan(rows.true_probability)
            parts["known"] = known.astype(np.float64)
            expected = np.where(chance >= THRESHOLD, truth, 1 - truth)
            parts["expected"] = np.where(known, expected, 0)
            in_bin = in_bins(chance[known])
            parts["beyond"] = np.zeros((len(chance), in_bin.shape[1]))
            parts["beyond"][known] = in_bin * (chance - truth)[known][:, None]
        wide = [part.reshape(len(label), -1) for part in parts.values()]
        self._by_project = summed(rows.project_id, np.concatenate(wide, axis=1))
        ends = np.cumsum([part.shape[1] for part in wide])
        self._ends = dict(zip(parts, ends.tolist(), strict=True))
        self._order = np.argsort(chance, kind="stable")
        self._place = np.unique(rows.project_id, return_inverse=True)[1][self._order]
        self.project_count = len(self._by_project)

    def values(self, times: Floats) -> Floats:
        """Returns the metrics in order of `_metrics`, one line per line of `times`."""
        sums = times @ self._by_project
        starts = [0, *self._ends.values()]
        part = {
            name: sums[:, start:end]
            for (name, end), start in zip(self._ends.items(), starts, strict=False)
        }
        total = part["rows"][:, 0]
        rate = part["label"][:, 0] / total
        brier = part["squares"][:, 0] / total
        with np.errstate(divide="ignore", invalid="ignore"):
            skill = 1 - brier / (rate * (1 - rate))
        columns = [
            _auc(self._rows.label[self._order], self._ties(), times[:, self._place]),
            part["right"][:, 0] / total,
            brier,
            np.where(rate * (1 - rate) > 0, skill, np.nan),
            part["surprise"][:, 0] / total,
            np.abs(part["excess"]).sum(axis=1) / total,
        ]
        if "released" in part:
            columns += [part["released"][:, 0], part["held"][:, 0]]
        if "known" in part:
            with np.errstate(invalid="ignore"):
                known = part["known"][:, 0]
                columns.append(part["expected"][:, 0] / known)
                columns.append(np.abs(part["beyond"]).sum(axis=1) / known)
        return np.column_stack(columns)

    def _ties(self) -> Integers:
        chance = self._rows.probability[self._order]
        return np.flatnonzero(np.r_[True, chance[1:] != chance[:-1]])


def _auc(label: Booleans, first: Integers, weights: Floats) -> Floats:
    """Returns the chance that a positive row outranks a negative one, ties counting half.

    Args:
        label: By rising probability.
        first: Places at which a new probability begins.
        weights: One line per resample, in the same order.
    """
    positive = weights * label
    negative = weights - positive
    if len(first) < len(label):
        positive = np.add.reduceat(positive, first, axis=1)
        negative = np.add.reduceat(negative, first, axis=1)
    below = np.cumsum(negative, axis=1)
    pairs = positive.sum(axis=1) * below[:, -1]
    with np.errstate(invalid="ignore"):
        auc: Floats = np.einsum("ij,ij->i", positive, below - negative / 2) / pairs
    return auc


def in_bins(chance: Floats) -> Floats:
    """Returns the bin of each row as a line of zeros and a one; bins hold equal numbers of rows."""
    count = min(BINS, len(chance))
    rank = np.empty(len(chance), dtype=np.int64)
    rank[np.argsort(chance, kind="stable")] = np.arange(len(chance))
    in_bin: Floats = (rank[:, None] * count // max(len(chance), 1) == np.arange(count)).astype(
        np.float64
    )
    return in_bin


def _perfect_calibration_error(rows: ScoredRows, resamples: int, seed: int) -> float:
    """Returns the 95 % bound of the error that a perfect model with these probabilities shows.

    One draw decides all snapshots of a project, as one outcome does.
    """
    projects, place = np.unique(rows.project_id, return_inverse=True)
    in_bin = in_bins(rows.probability)
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // len(place))
    errors = []
    for start in range(0, resamples, block):
        drawn = rng.random((min(block, resamples - start), len(projects)))[:, place]
        excess = rows.probability - (drawn < rows.probability)
        errors.append(np.abs(excess @ in_bin).sum(axis=1) / len(place))
    return float(np.quantile(np.concatenate(errors), 0.95))
