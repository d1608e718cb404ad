"""The charts of the modeling report; distinct by mark and line, not by colour alone."""

from collections.abc import Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.charts import COLORS, FAINT, INK, NARROW
from pages.formats import day
from pages.published import ALL_KINDS
from pages.report.claims import Claim, Unknown
from pages.report.facts import CalibrationBin, Importance, Replay
from pages.report.published import KIND_OF, PUBLISHED
from pages.series import Series, points, side_by_side

_PANEL = 250  # pixels: two panels side by side are legible in print
_MODEL = Series("this model, 95 % interval", COLORS[0])
_GUESS = Series("majority guess", FAINT, "square", (2, 3))
_CEILING = Series("best achievable", COLORS[1], "triangle-up", (6, 3))
_PUBLISHED = Series("published, other data", INK, "diamond")
_PERFECT = Series("perfect calibration", FAINT, "square", (2, 3))
_BIN = Series("a bin, 95 % interval", COLORS[0])
_LOOKS = (("circle", (1, 0)), ("square", (6, 3)), ("triangle-up", (6, 2, 1, 2)))

Row = dict[str, Any]


def accuracy(
    name: str,
    panels: Sequence[tuple[str, Sequence[Claim]]],
    *,
    with_published: bool,
    text: str,
    panel: int = _PANEL,
) -> Markup:
    """Draws accuracy by prediction time, one panel per set of rows.

    Args:
        name: Of the chart.
        panels: Title, or none, and the model's claims by prediction time.
        with_published: Whether the first panel shows what others have published.
        text: The description.
        panel: Width of one, in pixels.
    """
    rows = [_accuracies(own, with_published and not place) for place, (_, own) in enumerate(panels)]
    ends = [row["low"] or row["value"] for found in rows for row in found]
    lowest = min(ends, default=50)
    scale = alt.Scale(domain=[min(50, 10 * (lowest // 10)), 100])
    used = {row["series"] for found in rows for row in found}
    series = [s for s in (_MODEL, _GUESS, _CEILING, _PUBLISHED) if s.label in used]

    def build(width: int) -> Any:
        made = [
            points(
                found,
                kind_axis([each.snapshot_kind for each in own]),
                alt.Y(title="Accuracy, %", scale=scale),
                series,
                form=".1f",
                told=["prediction_time", "majority_guess", "source"],
                is_narrow=width <= NARROW,
            ).properties(width=min(width, panel), height=190, **({"title": title} if title else {}))
            for found, (title, own) in zip(rows, panels, strict=True)
        ]
        return side_by_side(width, made)

    return charts.chart(name, build, text=text)


def kind_axis(kinds: Sequence[str]) -> alt.X:
    """Returns a horizontal axis of prediction times, in their order."""
    axis = alt.Axis(labelAngle=0, grid=False)
    return alt.X("prediction_time:O", sort=list(kinds), title="Prediction time", axis=axis)


def _accuracies(own: Sequence[Claim], with_published: bool) -> list[Row]:
    """Returns an accuracy, its majority guess and the best achievable of each prediction time."""
    rows = []
    for each in own:
        guess = _percent(each.majority_guess)
        low, high = (None, None) if isinstance(each.interval, Unknown) else each.interval
        value = _percent(each.accuracy)
        place = {"prediction_time": each.snapshot_kind, "majority_guess": guess, "source": None}
        rows.append(_point(place, _MODEL, value, _percent(low) or value, _percent(high) or value))
        rows.append(_point(place, _GUESS, guess))
        rows.append(_point(place, _CEILING, _percent(each.ceiling)))
    kinds = {each.snapshot_kind for each in own}
    for each in PUBLISHED if with_published else ():
        if (kind := KIND_OF[each.snapshot_kind]) in kinds:
            place = {"prediction_time": kind, "source": each.source, "is_alone": True}
            place["majority_guess"] = "about 50 % or not given"
            rows.append(_point(place, _PUBLISHED, _percent(each.accuracy)))
    return [row for row in rows if row["value"] is not None]


def _percent(share: float | Unknown | None) -> float | None:
    return None if share is None or isinstance(share, Unknown) else round(100 * share, 3)


def _point(
    place: Row, series: Series, value: Any, low: float | None = None, high: float | None = None
) -> Row:
    return {**place, "series": series.label, "value": value, "low": low, "high": high}


def calibration(
    name: str, panels: Sequence[tuple[str, Sequence[CalibrationBin]]], *, text: str
) -> Markup:
    """Draws observed frequency against predicted probability, one panel per set of rows."""

    def build(width: int) -> Any:
        return side_by_side(
            width,
            [
                reliability(bins, width <= NARROW).properties(
                    width=min(width, _PANEL), height=_PANEL, title=title
                )
                for title, bins in panels
            ],
        )

    return charts.chart(name, build, text=text)


def reliability(bins: Sequence[CalibrationBin], is_narrow: bool) -> Any:
    """Returns a reliability diagram: the bins with their intervals, and perfect calibration."""
    rows = [
        {"x": end, "series": _PERFECT.label, "value": end, "low": None, "high": None, "rows": None}
        for end in (0, 100)
    ]
    for each in bins:
        place = {"x": _percent(each.mean_probability), "rows": each.row_count, "is_alone": True}
        ends = (_percent(each.ci_low), _percent(each.ci_high))
        rows.append(_point(place, _BIN, _percent(each.observed_rate), *ends))
    scale, few = alt.Scale(domain=[0, 100]), alt.Axis(tickCount=5)
    return points(
        rows,
        alt.X("x:Q", title="Predicted probability, %", scale=scale, axis=few),
        alt.Y(title="Observed frequency, %", scale=scale, axis=few),
        [_PERFECT, _BIN],
        form=".1f",
        told=["rows"],
        is_narrow=is_narrow,
    )


def importance(name: str, features: Sequence[Importance], *, text: str) -> Markup:
    """Draws the increase of the log loss when a feature is permuted, the largest on top."""
    rows = [
        {
            "feature": each.feature,
            "increase": each.log_loss_increase,
            "low": each.log_loss_increase - each.increase_deviation,
            "high": each.log_loss_increase + each.increase_deviation,
        }
        for each in features
    ]
    title = "Increase of the log loss, nats; whisker: standard deviation"
    names = [each.feature for each in features]
    drawn = alt.Chart(charts.values(rows)).encode(
        y=alt.Y("feature:N", sort=names, title=None, axis=alt.Axis(grid=False))
    )
    told = [alt.Tooltip("feature:N"), *_told("increase", "low", "high")]

    def build(width: int) -> Any:
        bars = drawn.mark_bar().encode(x=alt.X("increase:Q", title=title), tooltip=told)
        whiskers = drawn.mark_rule().encode(x=alt.X("low:Q", title=title), x2=alt.X2("high:Q"))
        # the names of the features need room beside the plot
        room = width - 150 if width <= NARROW else 2 * _PANEL - 80
        return alt.layer(bars, whiskers).properties(width=room, height=alt.Step(18))

    return charts.chart(name, build, text=text)


def _told(*names: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format=".4f") for name in names]


def backtest(name: str, estimators: Sequence[tuple[str, Sequence[Replay]]], *, text: str) -> Markup:
    """Draws AUC and accuracy of each replay, one line per estimator."""
    series = [
        Series(label, COLORS[place % len(COLORS)], *_LOOKS[place % len(_LOOKS)])
        for place, (label, _) in enumerate(estimators)
    ]
    aucs, accuracies = [], []
    for look, (_, replays) in zip(series, estimators, strict=True):
        for each in replays:
            place: Row = {"at": each.at, "day": day(each.at), "majority_guess": None}
            if auc := each.scores.figure("backtest", ALL_KINDS, "auc"):
                aucs.append(_point(place, look, auc.value, auc.low, auc.high))
            if claim := each.scores.claim("backtest", ALL_KINDS, []):
                accuracies += _of_replay(place, look, claim)
    # of the same launches the majority guess is the same, whichever estimator
    guesses = {row["at"]: row for row in accuracies if row["series"] == _GUESS.label}
    accuracies = [row for row in accuracies if row["series"] != _GUESS.label]

    def build(width: int) -> Any:
        panels = (("AUC", aucs, ".3f"), ("Accuracy, %", [*accuracies, *guesses.values()], ".1f"))
        made = [
            points(
                rows,
                charts.time_axis("at", labelAngle=0),
                alt.Y(title=title, scale=alt.Scale(zero=False)),
                [*series, _GUESS],
                form=form,
                told=["day", "majority_guess"],
                is_narrow=width <= NARROW,
            ).properties(width=min(width, _PANEL), height=190)
            for title, rows, form in panels
            if rows
        ]
        return side_by_side(width, made)

    return charts.chart(name, build, text=text)


def _of_replay(place: Row, look: Series, claim: Claim) -> list[Row]:
    guess = _percent(claim.majority_guess)
    place = {**place, "majority_guess": guess}
    ends = (None, None) if isinstance(claim.interval, Unknown) else claim.interval
    own = _point(place, look, _percent(claim.accuracy), *(_percent(end) for end in ends))
    return [own, _point(place, _GUESS, guess)]
