"""90 % intervals of final totals: quantiles of a forest, widened by what later launches showed."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.amount import forest
from ml.amount.forest import QuantileForest
from ml.amount.rows import Floats, Snapshots, with_age
from ml.amount.settings import AmountSettings
from ml.settings import Features

COVERAGE = 0.9
_SAME = 1e-9  # of two logarithms: a lower end that is what is pledged already
_LOW, _MEDIAN, _HIGH = range(3)


@dataclass(frozen=True, slots=True)
class Intervals:
    """What makes intervals.

    Attributes:
        fitted: Quantiles of the growth from what is pledged to the final total, in logarithms.
        kinds: The prediction times.
        age_days: Their time since the launch, rising.
        margin: By how much both ends move outwards at each of them; NaN where too few projects
            were seen.
    """

    fitted: QuantileForest
    kinds: tuple[str, ...]
    age_days: Floats
    margin: Floats


def fit(rows: Snapshots, features: Features, settings: AmountSettings, seed: int) -> Intervals:
    """Fits to all rows; the margins come from fits up to earlier cuts and the launches after each.

    Conformalized quantile regression (Romano, Patterson and Candès, 2019), one margin per
    prediction time. One in eight campaigns never gets a pledge and a quarter gets no more: a lower
    end at what is pledged already cannot be missed and stays there, whatever the margin. The
    intervals still grow with the margin, which is all that the proof needs.
    """
    parts = [
        (later, _quantiles(_forest(seen, features, settings, seed), later))
        for seen, later in _stretches(rows, settings.calibration.shares)
    ]
    kinds, first = np.unique(rows.kind, return_index=True)
    age_days = rows.age_days[first]
    order = np.argsort(age_days)
    margin = [
        _margin(
            [_misses(later, found)[later.kind == kind] for later, found in parts],
            settings.calibration.min_projects,
        )
        for kind in kinds[order]
    ]
    fitted = _forest(rows, features, settings, seed)
    names = tuple(map(str, kinds[order]))
    return Intervals(fitted, names, age_days[order], np.array(margin))


def not_calibrated(intervals: Intervals) -> tuple[str, ...]:
    """Returns the prediction times that have no intervals."""
    return tuple(
        kind
        for kind, margin in zip(intervals.kinds, intervals.margin, strict=True)
        if np.isnan(margin)
    )


def predict(intervals: Intervals, rows: Snapshots) -> Floats:
    """Returns low, median and high logarithm of each row; NaN where there is no interval.

    A snapshot between two prediction times has the margin of the earlier one.
    """
    found = _quantiles(intervals.fitted, rows)
    ages = np.append(-np.inf, intervals.age_days)
    margins = np.append(np.nan, intervals.margin)
    margin = margins[np.searchsorted(ages, rows.age_days + _SAME, side="right") - 1]
    low = np.where(_is_certain(rows, found), found[:, _LOW], found[:, _LOW] - margin)
    ends: Floats = np.column_stack([low, found[:, _MEDIAN], found[:, _HIGH] + margin])
    ends[:, _LOW] = np.minimum(ends[:, _LOW], ends[:, _MEDIAN])
    ends[:, _HIGH] = np.maximum(ends[:, _HIGH], ends[:, _MEDIAN])
    np.maximum(ends, rows.log_pledged[:, None], out=ends)
    ends[np.isnan(margin)] = np.nan
    return ends


def _forest(
    rows: Snapshots, features: Features, settings: AmountSettings, seed: int
) -> QuantileForest:
    growth = rows.log_final - rows.log_pledged
    return forest.fit(rows.features, with_age(features), growth, settings.forest, seed)


def _quantiles(fitted: QuantileForest, rows: Snapshots) -> Floats:
    found: Floats = forest.quantiles(fitted, rows.features) + rows.log_pledged[:, None]
    return found


def _is_certain(rows: Snapshots, found: Floats) -> np.ndarray:
    certain: np.ndarray = found[:, _LOW] <= rows.log_pledged + _SAME
    return certain


def _misses(rows: Snapshots, found: Floats) -> Floats:
    """Returns by how much each final total lies outside; below 0 it lies inside by as much."""
    below = np.where(_is_certain(rows, found), -np.inf, found[:, _LOW] - rows.log_final)
    misses: Floats = np.maximum(below, rows.log_final - found[:, _HIGH])
    return misses


def _margin(parts: list[Floats], min_projects: int) -> float:
    misses = np.sort(np.concatenate(parts)) if parts else np.empty(0)
    if len(misses) < min_projects:
        return float("nan")
    return float(misses[int(np.ceil((len(misses) + 1) * COVERAGE)) - 1])


def _stretches(rows: Snapshots, shares: tuple[float, ...]) -> Iterator[tuple[Snapshots, Snapshots]]:
    """Yields for each cut what was closed by then, and the launches from there to the next cut."""
    _, first = np.unique(rows.project_id, return_index=True)
    launches = np.sort(rows.launched_at[first])
    cuts = [launches[int(share * len(launches))] for share in shares]
    for cut, end in itertools.pairwise([*cuts, launches[-1]]):
        seen = rows.where(rows.closed_at <= cut)
        later = rows.where((rows.launched_at > cut) & (rows.launched_at <= end))
        if len(seen.kind) and len(later.kind):
            yield seen, later
