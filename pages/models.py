"""The page about the models: what each is worth, in words first, and what it may be used for."""

from typing import Any, NamedTuple

from markupsafe import Markup

from pages import model_charts
from pages.failures import failures
from pages.formats import prediction_time, skill
from pages.published import ALL_KINDS, Published
from pages.report import facts as report_facts
from pages.report import history, models
from pages.report.claims import Measured, Unknown
from pages.report.document import Chart, Table, to_html
from pages.report.facts import ModelFacts
from pages.site import Site
from pages.tables import Column, badge

Row = dict[str, Any]

OPEN = "test_undecided"  # the outcome was open: the only snapshots worth a prediction
RULE = "_only"  # ends the name of the one-feature rule
_FINAL_AMOUNT = "from intermediate.int_final_amount_in_use"
_AMOUNT_METRICS = """
    select
        snapshot_kind,
        coalesce(
            max(project_count) filter (predictor = 'final_amount'), max(project_count)
        ) as project_count,
        max(value) filter (predictor = 'final_amount' and metric = 'coverage') as coverage,
        max(ci_low) filter (predictor = 'final_amount' and metric = 'coverage') as coverage_low,
        max(ci_high) filter (predictor = 'final_amount' and metric = 'coverage') as coverage_high,
        {factors}
    from staging.stg_final_amount_metrics
    inner join features.snapshot_kinds using (snapshot_kind)
    where entity = 'project'
    group by snapshot_kind
    order by max(sort_order)
""".format(
    factors=", ".join(
        f"exp(max(value) filter (predictor = '{predictor}' and metric = '{metric}'))"
        f" as {name}_{short}"
        for short, metric in (("width", "log_width"), ("error", "absolute_log_error"))
        for name, predictor in (
            ("model", "final_amount"),
            ("pace", "pace_extrapolation"),
            ("raw", "raw_quantiles"),
        )
    )
)
_USES = {
    "proven": "",
    "not_proven": "Until it is proven on more outcomes, use it to sort what people look at anyway,"
    " not to decide about money.",
    "not_tested": "Nothing is known of its skill yet: do not act on its probabilities.",
}


class Answer(NamedTuple):
    """An answer about a model, with the figures that it rests on."""

    question: Markup
    answer: str
    tone: str
    figures: Markup


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    facts = report_facts.read(published)
    kinds = published.snapshot_kinds("project")
    amounts = [_amount(row, kinds) for row in published.rows(_AMOUNT_METRICS)]
    site.write(
        "models/index.html",
        "models.html.jinja",
        models=[_model(published, model) for model in facts.models],
        final_amount=next(iter(published.rows(_FINAL_AMOUNT)), None),
        amounts=amounts,
        amount_columns=_AMOUNT_COLUMNS,
        failures=failures(published, "train", "predict", "amount"),
    )


def _model(published: Published, model: ModelFacts) -> Row:
    run = model.run
    found: Row = {"name": model.name, "title": models.TITLES[model.name], "run": run}
    found |= {"entity": model.entity, "is_trained": run is not None and run.status == "trained"}
    found |= {"purpose": history.PURPOSE[model.name], "missing": _missing(model)}
    if run is None or not found["is_trained"]:
        return found
    state = run.skill_state or "not_tested"
    cards = [block for block in history.card(model) if isinstance(block, Table)]
    found |= {
        "verdict": skill(state) + (f" ({run.reason})" if run.reason else ""),
        "tone": "passed" if state == "proven" else "warning",
        "use": _USES[state],
        "limits": Markup(" ").join(to_html(block.content) for block in history.limits(model)),  # type: ignore[union-attr]
        "card": cards[0],
    }
    if found["missing"]:
        return found
    drawn = [block for block in models.importance(model) if isinstance(block, Chart)]
    return found | {
        "answers": [answer._asdict() for answer in _answers(model)],
        "answer_columns": _ANSWER_COLUMNS,
        "columns": _columns(model),
        "rows": [_row(model, kind) for kind in model.kinds(OPEN)],
        "skill_chart": model_charts.skill(model),
        "accuracy_chart": model_charts.accuracy(model),
        "auc_chart": model_charts.auc(model),
        "calibration_chart": model_charts.calibration(published, model),
        "importance": drawn[0] if drawn else None,
        "importance_text": to_html(drawn[0].content) if drawn else None,
    }


def _missing(model: ModelFacts) -> str:
    """Returns why there are no figures; nothing where there are."""
    if model.run is None:
        return "It has never been trained here."
    if model.run.status != "trained":
        return f"It was skipped and predicts nothing: {model.run.reason}."
    if not model.own.kinds(OPEN):
        return f"No {model.entity} of later launches has an outcome yet, so nothing was measured."
    return ""


_ANSWER_COLUMNS = (
    Column("question", "Question"),
    Column("answer", "Answer"),
    Column("figures", "Figures, with 95 % intervals"),
)


def _answers(model: ModelFacts) -> list[Answer]:
    kind = models.main_kind(model, OPEN)
    over = model.own.figure(OPEN, kind, "accuracy_over_majority_guess")
    claim = model.own.claim(OPEN, kind, [])
    figures = to_html((claim, f": {_points(over)}") if claim else "not measured")
    rule = next((b.predictor for b in model.baselines() if b.predictor.endswith(RULE)), "")
    found = [
        Answer(Markup("Does it beat the majority guess?"), *_verdict(over, is_less=False), figures)
    ]
    for metric, question in (
        ("log_loss_over_base_rate", "Does it beat the base rate?"),
        (
            "log_loss_over_rule",
            f"Does it beat the one-feature rule ({models.rule_name(rule)})?"
            if rule
            else "Does it beat the one-feature rule?",
        ),
    ):
        row = model.own.figure(OPEN, ALL_KINDS, metric)
        known = f"{models.figure(row, '+.3f')} nats" if row else "not known"
        text = f"log loss {known}, all prediction times"
        found.append(Answer(to_html(question), *_verdict(row, is_less=True), to_html(text)))
    return [each._replace(answer=badge(each.tone, each.answer)) for each in found]


def _verdict(row: Measured | None, *, is_less: bool) -> tuple[str, str]:
    """Returns whether a difference is proven, by its interval, and the tone of that."""
    if row is None or row.low is None or row.high is None:
        return "not tested", "warning"
    low, high = (-row.high, -row.low) if is_less else (row.low, row.high)
    if low > 0:
        return "yes", "passed"
    return ("no, it is worse", "error") if high < 0 else ("not proven", "warning")


def _points(row: Measured | None) -> str:
    if row is None:
        return "difference not measured"
    value = f"{100 * row.value:+.1f} points"
    if row.low is None or row.high is None:
        return f"{value} (interval not defined)"
    return f"{value} [{100 * row.low:+.1f}, {100 * row.high:+.1f}]"


def _columns(model: ModelFacts) -> list[Column]:
    ceiling = [Column("ceiling", "Best achievable", "percent")] if model.ceilings else []
    return [
        Column("kind", "Prediction time"),
        Column("count", "Snapshots", "count"),
        Column("accuracy", "Accuracy"),
        Column("guess", "Majority guess", "percent"),
        Column("over", "Over the majority guess"),
        *ceiling,
        Column("auc", "AUC"),
    ]


def _row(model: ModelFacts, kind: str) -> Row:
    own = model.own
    claim, auc = own.claim(OPEN, kind, model.ceilings), own.figure(OPEN, kind, "auc")
    over = own.figure(OPEN, kind, "accuracy_over_majority_guess")
    counted = own.figure(OPEN, kind, "log_loss")
    row: Row = {"kind": model.prediction_time(kind), "count": counted.row_count if counted else 0}
    return row | {
        "accuracy": to_html(claim.figure if claim else "not known"),
        "accuracy_sort": claim.accuracy if claim else "",
        "guess": _known(claim.majority_guess if claim else None),
        "ceiling": _known(claim.ceiling if claim else None),
        "over": to_html(_points(over)),
        "over_sort": over.value if over else "",
        "auc": to_html(models.figure(auc)),
        "auc_sort": auc.value if auc else "",
    }


def _known(value: float | Unknown | None) -> float | None:
    return None if isinstance(value, Unknown) else value


_AMOUNT_COLUMNS = (
    Column("kind", "Prediction time"),
    Column("project_count", "Projects", "count"),
    Column("coverage", "Inside the 90 % interval"),
    Column("model_width", "Width", "number", digits=2),
    Column("pace_width", "Width by pace", "number", digits=2),
    Column("raw_width", "Width by quantiles", "number", digits=2),
    Column("model_error", "Error", "number", digits=2),
    Column("pace_error", "Error by pace", "number", digits=2),
)


def _amount(row: Row, kinds: dict[str, str]) -> Row:
    share, low, high = row["coverage"], row["coverage_low"], row["coverage_high"]
    ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    text = "not known" if share is None else f"{100 * share:.1f} %{ends}"
    sort = "" if share is None else share
    kind = prediction_time(row["snapshot_kind"], kinds)
    return row | {"kind": kind, "coverage": to_html(text), "coverage_sort": sort}
