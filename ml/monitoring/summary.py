"""The lines of the stage `monitor` for the screen, and the sentence of an alert."""

from ml.monitoring.findings import (
    DRIFT,
    FEATURES_NOT_TESTED,
    NO_DRIFT,
    NOT_TESTED,
    SLOPE,
    Alert,
    Calibration,
    Cost,
    Finding,
    Monitored,
    Window,
)
from ml.monitoring.samples import MATURED

_MAX_NAMED = 4  # alerts shown in full on the screen


def monitored_lines(result: Monitored) -> list[str]:
    """Says whether drift was detected, what was tested and what was not, and each alert."""
    run = result.run
    title = run.model_name if run.model_version is None else f"{run.model_name} {run.model_version}"
    table = "drift_alerts" if result.status == DRIFT else "drift_status"
    lines = [f"{title}: {outcome(result)} -> insights.{table}"]
    tested = [_counts(each) for each in result.windows if each.is_compared]
    others = [f"{_name(each)} ({each.skip_reason})" for each in result.windows
              if not each.is_compared]  # fmt: skip
    for state, names in (("tested", tested), (NOT_TESTED, others)):
        if names:
            lines.append(f"{state}: {', '.join(names)}")
    lines += [f"ALERT {_movement(alert)}" for alert in result.alerts[:_MAX_NAMED]]
    if more := result.alerts[_MAX_NAMED:]:
        lines.append(
            f"ALERT {len(more)} more: {', '.join(_place(alert.finding) for alert in more)}"
        )
    costs = {
        alert.cost.snapshot_kind: alert.cost
        for alert in result.alerts
        if alert.cost and isinstance(alert.finding, Finding)
    }
    return lines + [_price(cost) for cost in costs.values()]


def outcome(result: Monitored) -> str:
    """Returns whether drift was detected, of how many features, or why nothing was tested."""
    if result.status == NOT_TESTED:
        return f"{NOT_TESTED}: {result.skip_reason}"
    count = len(result.tested_features)
    tested = f"{count} features tested" if count else FEATURES_NOT_TESTED
    if result.status == DRIFT:
        drifted = {alert.finding.feature for alert in result.alerts}
        moved = drifted & result.tested_features
        places = [f"{len(moved)} of {tested}"] if moved else []
        return f"{DRIFT} in {', '.join([*places, *sorted(drifted - moved)])}"
    return f"{NO_DRIFT} ({tested})"


def sentence(alert: Alert) -> str:
    """Returns what moved, by how much, at which snapshot kind, since when, and what it may cost."""
    if isinstance(alert.finding, Calibration):
        return f"{_movement(alert)} Its probabilities do not hold until it is trained anew."
    return f"{_movement(alert)} {_price(alert.cost)}"


def _movement(alert: Alert) -> str:
    finding = alert.finding
    if isinstance(finding, Calibration):
        return (
            f"{_place(finding)} is off: {_miscalibration(finding)}; seen since"
            f" {alert.since:%-d %b %Y}; {finding.current_count:,} recent outcomes, evidence"
            f" {finding.e_value:,.0f} to 1 from {finding.reference_count:,}."
        )
    return (
        f"{_place(finding)} moved: {_size(finding)}; seen since {alert.since:%-d %b %Y};"
        f" {finding.current_count:,} recent projects against {finding.reference_count:,}."
    )


def _place(finding: Finding | Calibration) -> str:
    if finding.snapshot_kind == MATURED:
        return f"{finding.feature} of matured projects"
    return f"{finding.feature} at {finding.snapshot_kind}"


def _miscalibration(finding: Calibration) -> str:
    if finding.feature == SLOPE:
        return f"calibration slope {finding.value:.2f}"
    points = 100 * (finding.observed - finding.predicted)
    return (
        f"predicted {100 * finding.predicted:.1f} %, observed {100 * finding.observed:.1f} %"
        f" ({points:+.1f} points)"
    )


def _size(finding: Finding) -> str:
    shift = finding.shift
    figures = [f"PSI {shift.psi:.2f}"]
    if shift.mean_shift is not None and shift.capped_shift is not None:
        mean = f"mean {100 * shift.mean_shift:+.0f} %"
        if shift.test == "ks":
            mean += f" ({100 * shift.capped_shift:+.0f} % without extremes)"
        figures.insert(0, mean)
    return ", ".join(figures)


def _price(cost: Cost | None) -> str:
    if cost is None:
        return "What it costs is not known: there are too few predictions."
    points = 100 * (cost.now - cost.before)
    return (
        f"By its own probabilities at {cost.snapshot_kind} the model is right"
        f" {100 * cost.now:.1f} % of the time now, {points:+.1f} points from its first weeks: an"
        " estimate, blind to features that have come to mean something else."
    )


def _name(window: Window) -> str:
    if window.snapshot_kind == MATURED:
        return "outcomes"
    return f"{window.subject} at {window.snapshot_kind}"


def _counts(window: Window) -> str:
    if window.subject == "calibration":
        recent = f"{window.current_count:,} recent of {window.reference_count:,} outcomes"
        return f"{_name(window)} ({recent} since the cut)"
    return f"{_name(window)} ({window.current_count:,} projects against {window.reference_count:,})"
