"""What intervals are worth on later launches: coverage, width and error, beside the baselines."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import stats

from ml.amount.forest import LEVELS
from ml.amount.rows import Floats, Snapshots
from ml.modeling.skill_states import NOT_PROVEN, NOT_TESTED, PROVEN

MODEL = "final_amount"
_SAME = 1e-9


class Measure(NamedTuple):
    """One figure of one predictor at one prediction time; None where it is not defined."""

    predictor: str
    snapshot_kind: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    project_count: int


def measure(rows: Snapshots, predicted: Mapping[str, Floats]) -> list[Measure]:
    """Measures each predictor at each kind of snapshot, where a project has one row.

    The 95 % interval of a share is Wilson's, that of a median lies between two of the values
    (no assumption on their distribution).
    """
    found = []
    for name, ends in predicted.items():
        for kind in np.unique(rows.kind):
            mask = (rows.kind == kind) & ~np.isnan(ends).any(axis=1)
            if mask.any():
                for metric, values in _values(rows.log_final[mask], ends[mask]).items():
                    figures = _share(values) if values.dtype == bool else _median(values)
                    found.append(Measure(name, str(kind), metric, *figures, len(values)))
    return found


def _values(final: Floats, ends: Floats) -> dict[str, np.ndarray]:
    is_below, is_above = final < ends[:, 0] - _SAME, final > ends[:, 2] + _SAME
    return {
        "coverage": ~(is_below | is_above),
        "share_below": is_below,
        "share_above": is_above,
        "absolute_log_error": np.abs(final - ends[:, 1]),
        "log_width": ends[:, 2] - ends[:, 0],
    }


def _share(values: np.ndarray) -> tuple[float, float | None, float | None]:
    count = int(values.sum())
    low, high = stats.binomtest(count, len(values)).proportion_ci(method="wilson")
    return count / len(values), float(low), float(high)


def _median(values: np.ndarray) -> tuple[float, float | None, float | None]:
    interval = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    low, high = (None if np.isnan(end) else float(end) for end in interval)
    return float(np.median(values)), low, high


def skill_state(rows: Snapshots, predicted: Mapping[str, Floats], min_projects: int) -> str:
    """Returns `proven` when the quantile loss is below each baseline's with 95 % confidence.

    Paired over projects: of each the mean over its snapshots that both have an interval for.
    """
    for name in predicted:
        if name == MODEL:
            continue
        excess = quantile_loss(rows, predicted[MODEL]) - quantile_loss(rows, predicted[name])
        known = ~np.isnan(excess)
        _, project = np.unique(rows.project_id[known], return_inverse=True)
        by_project = np.bincount(project, excess[known]) / np.bincount(project)
        if len(by_project) < min_projects:
            return NOT_TESTED
        reach = stats.t.ppf(0.975, len(by_project) - 1) * stats.sem(by_project)
        if by_project.mean() + reach >= 0:
            return NOT_PROVEN
    return PROVEN


def quantile_loss(rows: Snapshots, ends: Floats) -> Floats:
    """Returns the mean quantile loss of the three ends, which is least for the true quantiles."""
    above = rows.log_final[:, None] - ends
    loss: Floats = np.maximum(np.multiply(above, LEVELS), np.multiply(above, LEVELS) - above)
    found: Floats = loss.mean(axis=1)
    return found
