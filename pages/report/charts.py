"""The charts of the modeling report; told apart by mark and line, not by colour alone."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from pages.charts import COLORS, FAINT, INK, date_axis, new_chart, to_svg
from pages.published import ALL_KINDS
from pages.report.claims import Claim, Unknown
from pages.report.facts import CalibrationBin, Importance, Replay
from pages.report.published import CLOCK_OF, PUBLISHED

_WIDTH = 6.4  # inches
_SMALL = 8  # points


def accuracy(
    panels: Sequence[tuple[str, Sequence[Claim], Sequence[Claim]]],
    *,
    with_published: bool,
    words: str,
) -> Markup:
    """Draws accuracy by clock, one panel per set of rows.

    Args:
        panels: Title, the model's claims by clock, and those of the base rate alone.
        with_published: Whether the first panel shows what others have published.
        words: The same in words.
    """
    figure, axes = new_chart(width=_WIDTH, columns=len(panels), height=2.8)
    for place, (panel, (title, own, simplest)) in enumerate(zip(axes, panels, strict=True)):
        clocks = [each.clock for each in own]
        _line(panel, own, clocks, "this model, 95 % interval", COLORS[0], "o-")
        _ceilings(panel, own, clocks)
        _line(panel, simplest, clocks, "base rate alone", FAINT, "s:", with_interval=False)
        if with_published and place == 0:
            _published(panel, clocks)
        panel.set_xticks(range(len(clocks)), clocks)
        panel.set_title(title, fontsize=9, color=INK)
        panel.set_ylim(None, 100)
    bottom = min(panel.get_ylim()[0] for panel in axes)
    for panel in axes:
        panel.set_ylim(min(bottom, 50), 100)
    axes[0].set_ylabel("Accuracy, %")
    _legend(figure, axes[0])
    return to_svg(figure, words=words)


def _line(
    panel: Axes,
    claims: Sequence[Claim],
    clocks: Sequence[str],
    label: str,
    color: str,
    style: str,
    *,
    with_interval: bool = True,
) -> None:
    shown = [each for each in claims if each.clock in clocks]
    if not shown:
        return
    places = [clocks.index(each.clock) for each in shown]
    values = [100 * each.accuracy for each in shown]
    reach = None
    if with_interval:
        ends = [
            (each.accuracy, each.accuracy) if isinstance(each.interval, Unknown) else each.interval
            for each in shown
        ]
        pairs = list(zip(values, ends, strict=True))
        reach = [
            [max(value - 100 * low, 0) for value, (low, _) in pairs],
            [max(100 * high - value, 0) for value, (_, high) in pairs],
        ]
    panel.errorbar(places, values, reach, fmt=style, color=color, label=label, capsize=2,
                   markersize=4, linewidth=1.4, elinewidth=1)  # fmt: skip


def _ceilings(panel: Axes, claims: Sequence[Claim], clocks: Sequence[str]) -> None:
    known = [
        (clocks.index(each.clock), 100 * each.ceiling)
        for each in claims
        if not isinstance(each.ceiling, Unknown)
    ]
    if known:
        label = "ceiling of the oracle" if claims[0].is_oracle else "ceiling"
        panel.plot(*zip(*known, strict=True), "^--", color=COLORS[1], label=label,
                   markersize=4, linewidth=1.2)  # fmt: skip


def _published(panel: Axes, clocks: Sequence[str]) -> None:
    shown = [each for each in PUBLISHED if CLOCK_OF[each.clock] in clocks]
    places = [clocks.index(CLOCK_OF[each.clock]) for each in shown]
    panel.plot(places, [100 * each.accuracy for each in shown], "D", color=INK, fillstyle="none",
               markersize=5, linestyle="none", label="published, other data")  # fmt: skip


def calibration(panels: Sequence[tuple[str, Sequence[CalibrationBin]]], *, words: str) -> Markup:
    """Draws what came against what was said, one panel per set of rows."""
    figure, axes = new_chart(width=_WIDTH, columns=len(panels), height=2.8)
    for panel, (title, bins) in zip(axes, panels, strict=True):
        said = [100 * each.mean_probability for each in bins]
        came = [100 * each.observed_rate for each in bins]
        low = [_reach(each, each.ci_low) for each in bins]
        high = [_reach(each, each.ci_high) for each in bins]
        panel.plot([0, 100], [0, 100], ":", color=FAINT, linewidth=1.2, label="said = came")
        panel.errorbar(said, came, [low, high], fmt="o", color=COLORS[0], capsize=2, markersize=4,
                       elinewidth=1, label="a bin, 95 % interval")  # fmt: skip
        panel.set_title(title, fontsize=9, color=INK)
        panel.set_xlabel("Said, %")
        panel.set(xlim=(-3, 103), ylim=(-3, 103))
    axes[0].set_ylabel("Came, %")
    _legend(figure, axes[0])
    return to_svg(figure, words=words)


def _reach(each: CalibrationBin, end: float | None) -> float:
    return 0.0 if end is None else 100 * abs(each.observed_rate - end)


def importance(features: Sequence[Importance], *, words: str) -> Markup:
    """Draws by how much the log loss grows when a feature is shuffled, the largest on top."""
    figure, (axes,) = new_chart(width=_WIDTH, height=0.6 + 0.22 * len(features))
    names = [each.feature for each in features]
    axes.barh(names, [each.log_loss_increase for each in features],
              xerr=[each.increase_deviation for each in features], color=COLORS[0], height=0.6,
              ecolor=INK, capsize=2)  # fmt: skip
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Growth of the log loss, nats; whisker: deviation between shuffles")
    return to_svg(figure, words=words)


def backtest(lines: Sequence[tuple[str, Sequence[Replay]]], *, words: str) -> Markup:
    """Draws AUC and accuracy of each replayed moment, one line per estimator."""
    figure, (left, right) = new_chart(width=_WIDTH, columns=2, height=2.8)
    for place, (label, replays) in enumerate(lines):
        moments = [each.at for each in replays]
        color, style = COLORS[place % len(COLORS)], ("o-", "s--", "^-.")[place % 3]
        aucs = [each.scores.figure("backtest", ALL_KINDS, "auc") for each in replays]
        claims = [each.scores.claim("backtest", ALL_KINDS, []) for each in replays]
        _over_time(left, moments, [(a.value, a.low, a.high) if a else None for a in aucs],
                   label, color, style)  # fmt: skip
        _over_time(right, moments, [_ends(each) for each in claims], label, color, style)
        rates = [
            (moment, 100 * max(rate, 1 - rate))
            for moment, each in zip(moments, claims, strict=True)
            if each and not isinstance(rate := each.base_rate, Unknown)
        ]
        if place == 0 and rates:
            right.plot(
                _days([at for at, _ in rates]),
                [rate for _, rate in rates],
                ":",
                color=FAINT,
                label="base rate alone",
            )
    left.set_title("AUC", fontsize=9, color=INK)
    right.set_title("Accuracy, %", fontsize=9, color=INK)
    _legend(figure, right)
    return to_svg(figure, words=words)


def _legend(figure: Figure, axes: Axes) -> None:
    lines, labels = axes.get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=len(labels), frameon=False,
                  fontsize=_SMALL)  # fmt: skip


def _ends(claim: Claim | None) -> tuple[float, float | None, float | None] | None:
    if claim is None:
        return None
    if isinstance(claim.interval, Unknown):
        return 100 * claim.accuracy, None, None
    low, high = claim.interval
    return 100 * claim.accuracy, 100 * low, 100 * high


def _days(moments: Sequence[datetime]) -> list[float]:
    return [float(day) for day in date2num(moments)]  # type: ignore[no-untyped-call]


def _over_time(
    axes: Axes,
    moments: Sequence[datetime],
    points: Sequence[tuple[float, float | None, float | None] | None],
    label: str,
    color: str,
    style: str,
) -> None:
    shown = [(at, point) for at, point in zip(moments, points, strict=True) if point]
    if not shown:
        return
    low = [0.0 if end is None else max(value - end, 0) for _, (value, end, _) in shown]
    high = [0.0 if end is None else max(end - value, 0) for _, (value, _, end) in shown]
    axes.errorbar(
        _days([at for at, _ in shown]), [value for _, (value, *_) in shown], [low, high],
        fmt=style, color=color, label=label, capsize=2, markersize=4, elinewidth=0.8,
    )  # fmt: skip
    date_axis(axes)
