"""How good predictions are: by split and snapshot kind, with 95 % intervals."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.modeling.calibration_error import calibration_error, distance
from ml.modeling.intervals import (
    ERROR,
    UNKNOWN,
    Booleans,
    Clusters,
    Estimate,
    Floats,
    Integers,
    Interval,
    difference,
    interval,
    mean,
    total,
)

THRESHOLD = 0.5  # a probability from here on predicts the label
ALL_KINDS = "all"

OUTCOME_METRICS = (
    "auc",
    "accuracy",
    "accuracy_over_majority_guess",
    "brier_score",
    "brier_skill",
    "log_loss",
)
# As seen, which even a perfect model shows; its bound; and an estimate without noise.
CALIBRATION_METRICS = (
    "calibration_error",
    "calibration_error_bound",
    "calibration_error_debiased",
)
# What a threshold of one half would have cost had money followed it; in units of the currency.
MONEY_METRICS = ("amount_released_to_failing", "amount_held_from_delivering")
# Against the true probability, which only a generated platform has.
TRUTH_METRICS = ("expected_accuracy", "true_calibration_error")


class ScoredRows(NamedTuple):
    """Rows with known labels; arrays of one length.

    Attributes:
        entity_id: What the label belongs to: rows of one entity share it.
        probability: Predicted by whatever is measured.
        true_probability: Chance of the label given all that the platform's simulation knows; NaN
            where it is not known, which is everywhere on a real export.
        amount: Money that hangs on the row's outcome; NaN where there is none.
    """

    entity_id: Integers
    project_id: Integers
    creator_id: Integers
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

    def clusters(self) -> Clusters:
        """Returns which rows go together by chance."""
        return Clusters(self.project_id, self.creator_id)


class Metric(NamedTuple):
    """One metric of one slice; None where it, or its interval, is not defined."""

    split: str
    snapshot_kind: str
    row_count: int
    base_rate: float
    metric: str
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None


def measure(rows: ScoredRows) -> list[Metric]:
    """Measures each split and kind of snapshot, with 95 % intervals (see `intervals`).

    The calibration error that is seen has none: it is no estimate of the model's, but more than it.
    """
    found = []
    for split, kind, part in slices(rows):
        clusters = part.clusters()
        size, base_rate = len(part.label), float(part.label.mean())
        for name, estimate in _estimates(part).items():
            ends = interval(estimate, clusters)
            found.append(Metric(split, kind, size, base_rate, name, _known(estimate), *ends))
        for name, value, ends in _calibration(part, clusters):
            found.append(Metric(split, kind, size, base_rate, name, value, *ends))
    return found


def measure_difference(rows: ScoredRows, other: Floats, *, suffix: str) -> list[Metric]:
    """Measures how much higher each metric is than that of other probabilities of the same rows.

    The intervals are those of the paired differences. Calibration errors are not compared: the
    noise in them does not cancel.
    """
    found = []
    others = rows._replace(probability=other)
    for (split, kind, part), (_, _, rival) in zip(slices(rows), slices(others), strict=True):
        size, base_rate = len(part.label), float(part.label.mean())
        clusters, theirs = part.clusters(), _estimates(rival)
        for name, ours in _estimates(part).items():
            apart = difference(ours, theirs[name])
            ends = interval(apart, clusters)
            name = f"{name}_{suffix}"
            found.append(Metric(split, kind, size, base_rate, name, _known(apart), *ends))
    return found


class Difference(NamedTuple):
    """A difference of means over rows, with its 95 % interval; None where all rows differ alike."""

    value: float
    low: float | None
    high: float | None


def difference_in_log_loss(rows: ScoredRows, other: Floats, error: float = ERROR) -> Difference:
    """Returns how much higher the log loss of the rows is than that of other probabilities.

    Args:
        rows: With the probabilities of the one.
        other: The probabilities of the other for the same rows.
        error: How often the interval may miss the truth.
    """
    apart = mean(surprise(rows.label, rows.probability) - surprise(rows.label, other))
    return Difference(apart.value, *interval(apart, rows.clusters(), error))


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


def _known(estimate: Estimate) -> float | None:
    return None if np.isnan(estimate.value) else estimate.value


def _estimates(rows: ScoredRows) -> dict[str, Estimate]:
    """Returns every metric that is a smooth function of means over rows."""
    label, chance = rows.label, rows.probability
    is_right = ((chance >= THRESHOLD) == label).astype(np.float64)
    is_frequent = (label == (label.mean() >= THRESHOLD)).astype(np.float64)
    brier = mean((chance - label) ** 2, "log")
    found = {
        "auc": _auc(label, chance),
        "accuracy": mean(is_right, "share"),
        # the guess is what the same rows make it, so it varies with them
        "accuracy_over_majority_guess": mean(is_right - is_frequent),
        "brier_score": brier,
        "brier_skill": _skill(brier, mean(label.astype(np.float64))),
        "log_loss": mean(surprise(label, chance), "log"),
    }
    if not np.isnan(rows.amount).any():
        is_released = chance < THRESHOLD
        sums = (rows.amount * (is_released & label), rows.amount * (~is_released & ~label))
        found |= {name: total(each) for name, each in zip(MONEY_METRICS, sums, strict=True)}
    known = ~np.isnan(rows.true_probability)
    if known.any():
        truth = rows.true_probability[known]
        expected = mean(np.where(chance[known] >= THRESHOLD, truth, 1 - truth), "logit")
        influence = np.zeros(len(label))
        influence[known] = expected.influence
        found[TRUTH_METRICS[0]] = expected._replace(influence=influence)
    return found


def _calibration(rows: ScoredRows, clusters: Clusters) -> Iterator[tuple[str, float, Interval]]:
    error = calibration_error(rows.probability, rows.label, rows.entity_id, clusters)
    ends = (UNKNOWN, UNKNOWN, error.interval)
    values = (error.seen, error.bound, error.debiased)
    yield from zip(CALIBRATION_METRICS, values, ends, strict=True)
    known = ~np.isnan(rows.true_probability)
    if known.any():
        seen = distance(rows.probability[known], rows.true_probability[known])
        yield TRUTH_METRICS[1], seen, UNKNOWN


def _skill(brier: Estimate, rate: Estimate) -> Estimate:
    """Returns 1 minus the Brier score relative to that of always saying the share of positives."""
    variance = rate.value * (1 - rate.value)
    if not variance:
        return Estimate(np.nan, brier.influence)
    relative = brier.value / variance
    of_rate = relative / variance * (1 - 2 * rate.value) * rate.influence
    return Estimate(1 - relative, of_rate - brier.influence / variance, "log of the rest")


def _auc(label: Booleans, chance: Floats) -> Estimate:
    """Returns the chance that a positive row outranks a negative one, ties counting half."""
    order = np.argsort(chance, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(chance[order]) > 0])
    tied = np.empty(len(chance), dtype=np.int64)
    tied[order] = np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(chance)]))
    positive = np.bincount(tied, label, minlength=len(first))
    negative = np.bincount(tied, ~label, minlength=len(first))
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return Estimate(np.nan, np.zeros(len(chance)))
    below = (np.cumsum(negative) - negative / 2) / negative.sum()  # share of negatives outranked
    above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    value = float(positive @ below / positive.sum())
    of_positive, of_negative = (below - value) / positive.sum(), (above - value) / negative.sum()
    return Estimate(value, np.where(label, of_positive[tied], of_negative[tied]), "logit")
