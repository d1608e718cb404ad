"""The charts of the page about the models."""

from collections.abc import Iterator
from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.charts import COLORS, FAINT, INK
from pages.published import ALL_KINDS, Published
from pages.report import charts as report_charts
from pages.report.claims import Measured, Scores
from pages.report.document import plain
from pages.report.facts import ModelFacts
from pages.report.models import calibration_text, figure, main_kind
from pages.report.published import PUBLISHED_LAUNCH_AUC
from pages.series import Series, forest, points, side_by_side

Row = dict[str, Any]

_OPEN = "test_undecided"
_BASELINES = {
    "log_loss_over_base_rate": "against the base rate",
    "log_loss_over_rule": "against the one-feature rule",
}
_TONES = {"serving": COLORS[0], "candidate": FAINT}
_HISTOGRAM = """
    select
        coalesce(snapshot_kind, 'all') as snapshot_kind,
        least(floor(10 * predicted_probability), 9) * 10 as low,
        count(*) as predictions
    from intermediate.int_predictions_current
    where model_name = $model and model_version = $version and snapshot_kind <> 'current'
        and origin = 'batch' and not is_decided
    group by grouping sets ((snapshot_kind, low), (low))
    order by 1, 2"""


def skill(model: ModelFacts) -> Markup | None:
    """Draws the paired differences of the log loss: of what serves, and of the candidates."""
    rows = {metric: list(_differences(model, metric)) for metric in _BASELINES}
    if not any(rows.values()):
        return None
    title = "Log loss less that of the baseline, nats"

    def build(width: int) -> Any:
        room = width - 90 if width <= charts.NARROW else width // 2 - 140
        return side_by_side(
            width,
            [
                forest(found, title=title, form="+.2f", width=room, colors=_TONES).properties(
                    title=_BASELINES[metric]
                )
                for metric, found in rows.items()
                if found
            ],
        )

    own = ((baseline, model.own.figure(_OPEN, ALL_KINDS, metric))
           for metric, baseline in _BASELINES.items())  # fmt: skip
    told = ", ".join(f"{baseline} {figure(row, '+.3f')}" for baseline, row in own)
    return charts.chart(
        f"skill-{model.entity}",
        build,
        text=f"Difference of the log loss of what serves: {told}. Below 0 it is better.",
        caption="Difference of the log loss on the same snapshots, paired by project, with its 95 %"
        " interval. Left of the dashed line the model is better.",
    )


def _differences(model: ModelFacts, metric: str) -> Iterator[Row]:
    assert model.run is not None
    version = model.run.model_version
    runs = [run for run in model.candidates if run.status == "trained"]
    if version not in {run.model_version for run in runs}:
        runs = [model.run, *runs]
    for run in sorted(runs, key=lambda run: run.model_version != version):
        scores = model.scores.get(str(run.model_version), Scores("", {}))
        row = scores.figure(_OPEN, ALL_KINDS, metric)
        if row is not None:
            tone = "serving" if run.model_version == version else "candidate"
            yield {"name": scores.predictor.replace("_", " "), "tone": tone, **_ends(row)}


def _ends(row: Measured) -> Row:
    return {"value": row.value, "low": row.low, "high": row.high}


def accuracy(model: ModelFacts) -> Markup:
    """Draws accuracy beside the majority guess, by prediction time."""
    kinds = [kind for kind in model.kinds(_OPEN) if kind != ALL_KINDS]
    found = [model.own.claim(_OPEN, kind, model.ceilings) for kind in kinds]
    claims = [each for each in found if each]
    text = plain(("Accuracy, first ", claims[0], ", last ", claims[-1], ".")) if claims else "None."
    return report_charts.accuracy(
        f"accuracy-{model.entity}",
        [("", claims)],
        with_published=model.entity == "project",
        text=text,
        panel=430,
    )


def auc(model: ModelFacts) -> Markup:
    """Draws AUC by prediction time beside the one-feature rule, the best, and the published."""
    own = Series("this model, 95 % interval", COLORS[0])
    rule = Series("one-feature rule", FAINT, "square", (2, 3))
    best = Series("best achievable", COLORS[1], "triangle-up", (6, 3))
    others = Series("published, other data", INK, "diamond")
    kinds = [kind for kind in model.kinds(_OPEN) if kind != ALL_KINDS]
    rows = list(_aucs(model, kinds, own.label, model.own, with_interval=True))
    for baseline in model.baselines():
        if baseline.predictor.endswith("_only"):
            rows += _aucs(model, kinds, rule.label, baseline)
    for ceiling in model.ceilings[:1]:
        rows += _aucs(model, kinds, best.label, ceiling)
    if model.entity == "project":
        place = {"prediction_time": "launch", "series": others.label, "is_alone": True}
        rows.append({**place, "value": PUBLISHED_LAUNCH_AUC, "low": None, "high": None})
    used = {row["series"] for row in rows}
    lowest = min((row["low"] or row["value"] for row in rows), default=0.5)
    scale = alt.Scale(domain=[min(0.5, int(10 * lowest) / 10), 1])

    def build(width: int) -> Any:
        return points(
            rows,
            report_charts.kind_axis(kinds),
            alt.Y(title="AUC", scale=scale),
            [each for each in (own, rule, best, others) if each.label in used],
            form=".3f",
            told=["prediction_time"],
            is_narrow=width <= charts.NARROW,
        ).properties(width=min(width, 430), height=190)

    told = "; ".join(
        f"{model.prediction_time(kind)} {figure(model.own.figure(_OPEN, kind, 'auc'))}"
        for kind in kinds
    )
    return charts.chart(f"auc-{model.entity}", build, text=f"AUC with its 95 % interval: {told}.")


def _aucs(
    model: ModelFacts, kinds: list[str], label: str, scores: Scores, *, with_interval: bool = False
) -> Iterator[Row]:
    """Yields what was measured on the rows of the model."""
    for kind in kinds:
        row, own = (each.figure(_OPEN, kind, "auc") for each in (scores, model.own))
        if row and own and row.row_count == own.row_count:
            low, high = (row.low, row.high) if with_interval else (None, None)
            place = {"prediction_time": kind, "series": label, "value": row.value}
            yield {**place, "low": low, "high": high}


def calibration(published: Published, model: ModelFacts) -> Markup | None:
    """Draws reliability above the histogram of the predictions, of two prediction times."""
    assert model.run is not None
    kinds = list(dict.fromkeys((main_kind(model, _OPEN), ALL_KINDS)))
    curves = {
        kind: [e for e in model.curve if (e.split, e.snapshot_kind) == (_OPEN, kind)]
        for kind in kinds
    }
    curves = {kind: bins for kind, bins in curves.items() if bins}
    if not curves:
        return None
    counted = published.rows(_HISTOGRAM, model=model.name, version=model.run.model_version)

    def build(width: int) -> Any:
        room = min(width, 380)
        return side_by_side(
            width,
            [
                alt.vconcat(
                    report_charts.reliability(bins, width <= charts.NARROW).properties(
                        width=room, height=260, title=model.prediction_time(kind)
                    ),
                    _histogram([row for row in counted if row["snapshot_kind"] == kind], room),
                )
                for kind, bins in curves.items()
            ],
        )

    told = ". ".join(
        f"{model.prediction_time(kind).capitalize()}: {calibration_text(bins)}"
        for kind, bins in curves.items()
    )
    return charts.chart(
        f"reliability-{model.entity}",
        build,
        text=f"{told}.",
        caption="Observed frequency against predicted probability of measured snapshots, and how"
        " often each probability was predicted since the cut. Outcome open.",
    )


def _histogram(rows: list[Row], width: int) -> Any:
    bars = [{**row, "low": int(row["low"]), "high": int(row["low"]) + 10} for row in rows]
    scale = alt.Scale(domain=[0, 100])
    return (
        alt.Chart(charts.values(bars))
        .mark_bar(color=FAINT, binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", scale=scale, title=None, axis=alt.Axis(tickCount=5)),
            x2=alt.X2("high:Q"),
            y=alt.Y("predictions:Q", title="Predictions", axis=alt.Axis(tickCount=2)),
            tooltip=[alt.Tooltip(f"{name}:Q") for name in ("low", "high", "predictions")],
        )
        .properties(width=width, height=60)
    )
