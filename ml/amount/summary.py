"""The lines that stage `amount` prints."""

import math

from ml.amount.baselines import PACE
from ml.amount.measures import MODEL
from ml.amount.settings import NAME
from ml.amount.stage import Found


def amount_lines(found: Found, kind: str) -> list[str]:
    """Says how many intervals were made and what they are worth.

    Args:
        found: Of the stage.
        kind: The prediction time whose figures are shown.
    """
    run = found.run
    if run.status != "trained":
        return [f"{NAME} skipped, live projects have no intervals: {run.reason}"]
    title = f"{NAME} {run.model_version}"
    if found.is_known:
        return [f"{title}: up to date"]
    lines = [
        f"{title}: 90 % intervals for {found.interval_count:,} of {found.live_count:,} live"
        f" projects, learned from {run.train_project_count:,} -> ml.final_amount"
    ]
    if run.without_intervals:
        lines.append(f"none at {run.without_intervals}: too few earlier campaigns to calibrate on")
    if text := _worth(found, kind):
        lines.append(text)
    return lines


def _worth(found: Found, kind: str) -> str:
    if not found.measured:
        return "not measured yet: nothing launched after the cut has ended"
    at = {
        (each.predictor, each.metric): each for each in found.measured if each.snapshot_kind == kind
    }
    coverage = at.get((MODEL, "coverage"))
    if coverage is None:
        missing = "intervals" if at else "later campaigns that ended"
        return f"not measured at {kind}: no {missing} there"
    error, width, pace = (
        math.exp(at[key].value) if key in at else math.nan
        for key in (
            (MODEL, "absolute_log_error"),
            (MODEL, "log_width"),
            (PACE, "absolute_log_error"),
        )
    )
    interval = f"[{100 * (coverage.ci_low or 0):.1f}, {100 * (coverage.ci_high or 0):.1f}]"
    return (
        f"at {kind}: {100 * coverage.value:.1f} % {interval} of {coverage.project_count:,} later"
        f" campaigns ended inside; median off by a factor of {error:.2f} (pace so far {pace:.2f}),"
        f" width {width:.1f}"
    )
