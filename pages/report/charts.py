"""The charts of the modeling report; distinct by mark and line, not by colour alone."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from pages.matplotlib_charts import COLORS, FAINT, INK, date_axis, new_chart, to_svg
from pages.published import ALL_KINDS
from pages.report.claims import Claim, Unknown
from pages.report.facts import CalibrationBin, Importance, Replay
from pages.report.published import KIND_OF, PUBLISHED

_WIDTH = 6.4  # inches
_SMALL = 8  # points


def accuracy(
    panels: Sequence[tuple[str, Sequence[Claim]]],
    *,
    with_published: bool,
    text: str,
) -> Markup:
    """Draws accuracy by prediction time, one panel per set of rows.

    Args:
        panels: Title, and the model's claims by prediction time.
        with_published: Whether the first panel shows what others have published.
        text: The description.
    """
    figure, axes = new_chart(width=_WIDTH, columns=len(panels), height=2.8)
    for place, (panel, (title, own)) in enumerate(zip(axes, panels, strict=True)):
        kinds = [each.snapshot_kind for each in own]
        _line(panel, own, kinds, "this model, 95 % interval", COLORS[0], "o-")
        _ceilings(panel, own, kinds)
        _majority_guess(panel, own)
        if with_published and place == 0:
            _published(panel, kinds)
        panel.set_xticks(range(len(kinds)), kinds)
        panel.set_title(title, fontsize=9, color=INK)
        panel.set_xlabel("Prediction time")
        panel.set_ylim(None, 100)
    bottom = min(panel.get_ylim()[0] for panel in axes)
    for panel in axes:
        panel.set_ylim(min(bottom, 50), 100)
    axes[0].set_ylabel("Accuracy, %")
    _legend(figure, axes[0])
    return to_svg(figure, text=text)


def _line(
    panel: Axes, claims: Sequence[Claim], kinds: Sequence[str], label: str, color: str, style: str
) -> None:
    places = [kinds.index(each.snapshot_kind) for each in claims]
    values = [100 * each.accuracy for each in claims]
    ends = [
        (each.accuracy, each.accuracy) if isinstance(each.interval, Unknown) else each.interval
        for each in claims
    ]
    pairs = list(zip(values, ends, strict=True))
    reach = [
        [max(value - 100 * low, 0) for value, (low, _) in pairs],
        [max(100 * high - value, 0) for value, (_, high) in pairs],
    ]
    panel.errorbar(places, values, reach, fmt=style, color=color, label=label, capsize=2,
                   markersize=4, linewidth=1.4, elinewidth=1)  # fmt: skip


def _majority_guess(panel: Axes, claims: Sequence[Claim]) -> None:
    known = [
        (place, 100 * each.majority_guess)
        for place, each in enumerate(claims)
        if not isinstance(each.majority_guess, Unknown)
    ]
    panel.plot(*zip(*known, strict=True), "s:", color=FAINT, label="majority guess",
               markersize=4, linewidth=1.4)  # fmt: skip


def _ceilings(panel: Axes, claims: Sequence[Claim], kinds: Sequence[str]) -> None:
    known = [
        (kinds.index(each.snapshot_kind), 100 * each.ceiling)
        for each in claims
        if not isinstance(each.ceiling, Unknown)
    ]
    if known:
        label = "best achievable"
        panel.plot(*zip(*known, strict=True), "^--", color=COLORS[1], label=label,
                   markersize=4, linewidth=1.2)  # fmt: skip


def _published(panel: Axes, kinds: Sequence[str]) -> None:
    shown = [each for each in PUBLISHED if KIND_OF[each.snapshot_kind] in kinds]
    places = [kinds.index(KIND_OF[each.snapshot_kind]) for each in shown]
    panel.plot(places, [100 * each.accuracy for each in shown], "D", color=INK, fillstyle="none",
               markersize=5, linestyle="none", label="published, other data")  # fmt: skip


def calibration(panels: Sequence[tuple[str, Sequence[CalibrationBin]]], *, text: str) -> Markup:
    """Draws observed frequency against predicted probability, one panel per set of rows."""
    figure, axes = new_chart(width=_WIDTH, columns=len(panels), height=2.8)
    for panel, (title, bins) in zip(axes, panels, strict=True):
        predicted = [100 * each.mean_probability for each in bins]
        observed = [100 * each.observed_rate for each in bins]
        low = [_reach(each, each.ci_low) for each in bins]
        high = [_reach(each, each.ci_high) for each in bins]
        panel.plot([0, 100], [0, 100], ":", color=FAINT, linewidth=1.2, label="perfect calibration")
        panel.errorbar(predicted, observed, [low, high], fmt="o", color=COLORS[0], capsize=2,
                       markersize=4, elinewidth=1, label="a bin, 95 % interval")  # fmt: skip
        panel.set_title(title, fontsize=9, color=INK)
        panel.set_xlabel("Predicted probability, %")
        panel.set(xlim=(-3, 103), ylim=(-3, 103))
    axes[0].set_ylabel("Observed frequency, %")
    _legend(figure, axes[0])
    return to_svg(figure, text=text)


def _reach(each: CalibrationBin, end: float | None) -> float:
    return 0.0 if end is None else 100 * abs(each.observed_rate - end)


def importance(features: Sequence[Importance], *, text: str) -> Markup:
    """Draws the increase of the log loss when a feature is permuted, the largest on top."""
    figure, (axes,) = new_chart(width=_WIDTH, height=0.6 + 0.22 * len(features))
    names = [each.feature for each in features]
    axes.barh(names, [each.log_loss_increase for each in features],
              xerr=[each.increase_deviation for each in features], color=COLORS[0], height=0.6,
              ecolor=INK, capsize=2)  # fmt: skip
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(
        "Increase of the log loss, nats; whisker: standard deviation between permutations"
    )
    return to_svg(figure, text=text)


def backtest(lines: Sequence[tuple[str, Sequence[Replay]]], *, text: str) -> Markup:
    """Draws AUC and accuracy of each replay, one line per estimator."""
    figure, (left, right) = new_chart(width=_WIDTH, columns=2, height=2.8)
    for place, (label, replays) in enumerate(lines):
        timestamps = [each.at for each in replays]
        color, style = COLORS[place % len(COLORS)], ("o-", "s--", "^-.")[place % 3]
        aucs = [each.scores.figure("backtest", ALL_KINDS, "auc") for each in replays]
        claims = [each.scores.claim("backtest", ALL_KINDS, []) for each in replays]
        _over_time(left, timestamps, [(a.value, a.low, a.high) if a else None for a in aucs],
                   label, color, style)  # fmt: skip
        _over_time(right, timestamps, [_ends(each) for each in claims], label, color, style)
        rates = [
            (at, 100 * guess)
            for at, each in zip(timestamps, claims, strict=True)
            if each and not isinstance(guess := each.majority_guess, Unknown)
        ]
        if place == 0 and rates:
            right.plot(
                _days([at for at, _ in rates]),
                [rate for _, rate in rates],
                ":",
                color=FAINT,
                label="majority guess",
            )
    left.set_title("AUC", fontsize=9, color=INK)
    right.set_title("Accuracy, %", fontsize=9, color=INK)
    _legend(figure, right)
    return to_svg(figure, text=text)


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


def _days(timestamps: Sequence[datetime]) -> list[float]:
    return [float(day) for day in date2num(timestamps)]  # type: ignore[no-untyped-call]


def _over_time(
    axes: Axes,
    timestamps: Sequence[datetime],
    points: Sequence[tuple[float, float | None, float | None] | None],
    label: str,
    color: str,
    style: str,
) -> None:
    shown = [(at, point) for at, point in zip(timestamps, points, strict=True) if point]
    if not shown:
        return
    low = [0.0 if end is None else max(value - end, 0) for _, (value, end, _) in shown]
    high = [0.0 if end is None else max(end - value, 0) for _, (value, _, end) in shown]
    axes.errorbar(
        _days([at for at, _ in shown]), [value for _, (value, *_) in shown], [low, high],
        fmt=style, color=color, label=label, capsize=2, markersize=4, elinewidth=0.8,
    )  # fmt: skip
    date_axis(axes)
