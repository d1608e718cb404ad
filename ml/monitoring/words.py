"""What the monitor says to people."""

from ml.monitoring.alarms import Alarm, Cost, Finding, Monitored, Window
from ml.monitoring.samples import MATURED, PREDICTION

_MOST_NAMED = 4  # alarms told in full on the screen


def monitored_lines(result: Monitored) -> list[str]:
    """Says what was compared, and each alarm in a sentence."""
    run = result.run
    if run.status != "trained":
        return [f"{run.model_name} has no model, so nothing to compare with: {run.reason}"]
    title = f"{run.model_name} {run.model_version}"
    windows = ", ".join(_window(window) for window in result.windows)
    if not any(window.is_compared for window in result.windows):
        return [f"{title}: {windows}"]
    if not result.alarms:
        return [f"{title}: {windows}; nothing moved -> ml.drift_stats"]
    lines = [f"{title}: {windows}; {len(result.alarms)} moved -> insights.drift_alerts"]
    lines += [f"ALERT {_movement(alarm)}" for alarm in result.alarms[:_MOST_NAMED]]
    if more := result.alarms[_MOST_NAMED:]:
        lines.append(
            f"ALERT {len(more)} more: {', '.join(_place(alarm.finding) for alarm in more)}"
        )
    costs = {alarm.cost.clock: alarm.cost for alarm in result.alarms if alarm.cost}
    return lines + [_price(cost) for cost in costs.values()]


def sentence(alarm: Alarm) -> str:
    """Says what moved, by how much, at which clock, since when, and what it may cost."""
    return f"{_movement(alarm)} {_price(alarm.cost)}"


def _movement(alarm: Alarm) -> str:
    finding = alarm.finding
    return (
        f"{_place(finding)} moved: {_size(finding)}; seen since {alarm.since:%Y-%m-%d};"
        f" {finding.current_count:,} recent projects against {finding.reference_count:,}."
    )


def _place(finding: Finding) -> str:
    if finding.clock == MATURED:
        return f"{finding.feature} of matured projects"
    return f"{finding.feature} at {finding.clock}"


def _size(finding: Finding) -> str:
    shift = finding.shift
    figures = [f"PSI {shift.psi:.2f}"]
    if shift.mean_shift is not None and shift.capped_shift is not None:
        mean = f"mean {shift.mean_shift:+.0%}"
        if shift.test == "ks":
            mean += f" ({shift.capped_shift:+.0%} without extremes)"
        figures.insert(0, mean)
    return ", ".join(figures)


def _price(cost: Cost | None) -> str:
    if cost is None:
        return "What it costs cannot be told: there are too few predictions."
    points = 100 * (cost.now - cost.before)
    return (
        f"By its own probabilities at {cost.clock} the model is right {100 * cost.now:.1f} % of the"
        f" time now, {points:+.1f} points from its first weeks: an estimate, blind to features that"
        " have come to mean something else."
    )


def _window(window: Window) -> str:
    what = "predictions at " if PREDICTION in window.features else ""
    counts = (
        f"{what}{window.clock} {window.current_count:,} recent against {window.reference_count:,}"
    )
    return counts if window.is_compared else f"{counts} (too few)"
