"""The sections of the modeling report on one model: how good it is, and how it works."""

from collections.abc import Sequence

from pages.formats import skill
from pages.published import ALL_KINDS, CEILING, ORACLE
from pages.report import charts as report_charts
from pages.report.claims import Claim, Measured, Scores
from pages.report.document import Block, Chart, Content, Heading, Section, Table, Text, plain
from pages.report.facts import CalibrationBin, ModelFacts
from pages.report.published import PUBLISHED, PUBLISHED_LAUNCH_AUC

MAIN_KIND = {"project_success": "d3", "milestone_risk": "vote_3d"}
TITLES = {
    "project_success": "Will a campaign reach its goal?",
    "milestone_risk": "Is a milestone at risk?",
}
ROWS = {
    "project_success": {
        "test": "all running campaigns",
        "test_undecided": "campaigns still open",
        "test_first_time": "campaigns still open of first-time creators",
    },
    "milestone_risk": {"test": "all milestones", "test_undecided": "milestones still open"},
}
_PREDICTORS = {
    "base_rate": "base rate of the prediction time",
    "log_odds_mean": "mean of the log-odds of several estimators",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
    "logistic_regression": "logistic regression",
    "final_totals_leaking": "LEAKING, for comparison only: boosting with the final totals",
    CEILING: "best achievable: strong learner on ten times the data, same features",
    ORACLE: "oracle: the true probability of the simulation",
}
_MAX_FEATURES = 10
_WITHOUT_INTERVAL = ("calibration_error", "calibration_error_bound", "true_calibration_error")


def figure(row: Measured | None, form: str = ".3f") -> str:
    """Returns a metric with its interval."""
    if row is None:
        return "not known"
    value = format(row.value, form)
    if row.low is None or row.high is None:
        return f"{value} (interval not defined)"
    return f"{value} [{format(row.low, form)}, {format(row.high, form)}]"


def main_kind(model: ModelFacts, split: str) -> str:
    """Returns the main prediction time of the model, or all together where it was not measured."""
    wanted = MAIN_KIND[model.name]
    return wanted if wanted in model.own.kinds(split) else ALL_KINDS


def shown(claim: Claim | None) -> Content:
    """Returns a claim, or a text for none."""
    return claim if claim is not None else "not known"


def section(model: ModelFacts) -> Section:
    """Returns the section on how good the model in use is."""
    name, title = model.name.replace("_", "-"), TITLES[model.name]
    if model.run is None:
        return Section(name, title, [Text(f"`{model.name}` has never been trained here.")])
    if model.run.status != "trained":
        text = f"`{model.name}` was skipped and predicts nothing: {model.run.reason}."
        return Section(name, title, [Text(text)])
    if not model.own.kinds("test"):
        text = f"`{model.name}` has no {model.entity} of later launches to be measured on yet."
        return Section(name, title, [Text(text)])
    blocks = [*_over_time(model)]
    if model.name == "milestone_risk":
        blocks += _cost(model)
    blocks += [*_against_baselines(model), *_calibration(model), *importance(model)]
    if model.own.kinds("test_first_time"):
        blocks += _first_time(model)
    return Section(name, title, blocks)


def _claims(model: ModelFacts, scores: Scores | None, split: str) -> list[Claim]:
    kinds = [kind for kind in model.kinds(split) if kind != ALL_KINDS]
    found = [scores.claim(split, kind, model.ceilings) for kind in kinds] if scores else []
    return [each for each in found if each]


def _over_time(model: ModelFacts) -> list[Block]:
    rows = ROWS[model.name]
    panels = []
    text: list[str | Claim] = []
    for split in ("test", "test_undecided"):
        own = _claims(model, model.own, split)
        if own:
            panels.append((rows[split], own))
            text += [f"{rows[split].capitalize()}: first ", own[0], ", last ", own[-1], ". "]
    is_campaign = model.name == "project_success"
    picture = report_charts.accuracy(
        f"accuracy-{model.entity}",
        panels,
        with_published=is_campaign,
        text=plain(tuple(text)).strip(),
    )
    blocks: list[Block] = [
        Heading("Accuracy by prediction time"),
        Chart(picture, tuple(text)),
        _accuracy_table(model),
    ]
    if is_campaign:
        blocks += [
            Table(
                "Published for Kickstarter, at similar prediction times (diamonds in the chart)."
                " Other campaigns with other base rates: a scale, not a contest.",
                ("Known when", "Accuracy"),
                [(each.snapshot_kind, each) for each in PUBLISHED],
            ),
            Text(
                "At launch, gradient boosting on the Kickstarter data of Kaggle has an AUC of"
                f" {PUBLISHED_LAUNCH_AUC} (2026 study); this model here"
                f" {figure(model.own.figure('test', 'launch', 'auc'))}."
            ),
        ]
    return blocks


def _accuracy_table(model: ModelFacts) -> Table:
    rows = ROWS[model.name]
    with_truth = bool(model.own.claim("test_undecided", ALL_KINDS, [], "expected_accuracy"))
    columns = ["Prediction time", "Snapshots, of these still open", *(
        f"Accuracy, {rows[split]}" for split in ("test", "test_undecided"))]  # fmt: skip
    if with_truth:
        columns.append(f"Expected accuracy, {rows['test_undecided']}")
    lines: list[list[Content]] = []
    for kind in model.kinds("test"):
        counts = [
            each.row_count if (each := model.own.figure(split, kind, "log_loss")) else 0
            for split in ("test", "test_undecided")
        ]
        line: list[Content] = [model.prediction_time(kind), f"{counts[0]:,}, {counts[1]:,}"]
        for split in ("test", "test_undecided"):
            line.append(shown(model.own.claim(split, kind, model.ceilings)))
        if with_truth:
            # of milestones only the start has a true probability
            is_known = model.is_known("test_undecided", kind, "expected_accuracy")
            expected = model.own.claim("test_undecided", kind, model.ceilings, "expected_accuracy")
            line.append(shown(expected if is_known else None))
        lines.append(line)
    caption = (
        f"`{model.name}`. In brackets: 95 % interval, over projects or creators, whichever is"
        " wider."
    )
    if with_truth:
        caption += (
            " Expected accuracy: under the true probability, which a generated platform knows;"
            " it has no noise of the outcomes."
        )
    return Table(caption, columns, lines)


def _against_baselines(model: ModelFacts) -> list[Block]:
    split = "test_undecided"
    measured = model.own.figure(split, ALL_KINDS, "log_loss")
    own_count = measured.row_count if measured else 0
    lines: list[Sequence[Content]] = []
    for scores in (model.own, *model.baselines()):
        count = scores.figure(split, ALL_KINDS, "log_loss")
        if count is None or count.row_count != own_count:
            continue  # the oracle of milestones knows only their start
        is_own = scores is model.own
        plain = _PREDICTORS.get(scores.predictor, rule_name(scores.predictor))
        name = f"this model: {plain}" if is_own else plain
        lines.append((
            name,
            figure(scores.figure(split, ALL_KINDS, "auc")),
            figure(scores.figure(split, ALL_KINDS, "brier_skill")),
            figure(scores.figure(split, ALL_KINDS, "log_loss")),
            shown(scores.claim(split, ALL_KINDS, model.ceilings)),
        ))  # fmt: skip
    return [
        Heading("Against baselines, a leak, and the best achievable"),
        Table(
            f"On the same rows: {ROWS[model.name][split]}, all prediction times together. The"
            " leaking one shows what a leak looks like: final totals determine the outcome.",
            ("Predictor", "AUC", "Brier skill", "Log loss", "Accuracy"),
            lines,
        ),
        _skill(model, split),
    ]


def _skill(model: ModelFacts, split: str) -> Text:
    over = [
        f"{figure(model.own.figure(split, ALL_KINDS, metric))} against {baseline}"
        for metric, baseline in (
            ("log_loss_over_base_rate", "the base rate"),
            ("log_loss_over_rule", "the one-feature rule"),
        )
        if model.own.has(split, ALL_KINDS, metric)
    ]
    state = skill(model.run.skill_state if model.run else None)
    if not over:
        reason = model.run.reason if model.run else None
        return Text(f"Skill: {state} ({reason or 'nothing was measured'}).")
    return Text(
        f"Skill: {state}. Paired difference of the log loss: {', '.join(over)}; skill is proven"
        " where both intervals lie below 0."
    )


def rule_name(predictor: str) -> str:
    """Returns a one-feature rule in words."""
    return (
        f"`{predictor.removesuffix('_only')}` alone" if predictor.endswith("_only") else predictor
    )


def _calibration(model: ModelFacts) -> list[Block]:
    split = "test_undecided"
    kinds = list(dict.fromkeys((ALL_KINDS, main_kind(model, split))))
    panels = []
    for kind in kinds:
        bins = [each for each in model.curve if (each.split, each.snapshot_kind) == (split, kind)]
        if bins:
            panels.append((model.prediction_time(kind), bins))
    if not panels:
        return []
    text = (
        ". ".join(f"{title.capitalize()}: {calibration_text(bins)}" for title, bins in panels) + "."
    )
    names = [("auc", "AUC"), ("auc_above_ceiling", "AUC above the best achievable"),
             ("brier_score", "Brier score"), ("brier_skill", "Brier skill"),
             ("calibration_error", "Calibration error"),
             ("calibration_error_bound", "of a perfect model, 95 % bound"),
             ("calibration_error_debiased", "without the noise"),
             ("true_calibration_error", "against the true probability")]  # fmt: skip
    shown_names = [
        (metric, title)
        for metric, title in names
        if any(model.own.figure(split, kind, metric) for kind in model.kinds(split))
    ]
    lines = []
    for kind in model.kinds(split):
        cells = [
            model.own.figure(split, kind, metric) if model.is_known(split, kind, metric) else None
            for metric, _ in shown_names
        ]
        lines.append([model.prediction_time(kind), *(
            f"{cell.value:.3f}" if cell and metric in _WITHOUT_INTERVAL else figure(cell)
            for cell, (metric, _) in zip(cells, shown_names, strict=True)
        )])  # fmt: skip
    return [
        Heading("Ranking and calibration"),
        Chart(report_charts.calibration(f"calibration-{model.entity}", panels, text=text), text),
        Table(
            f"{ROWS[model.name][split].capitalize()}. The calibration error is the mean distance"
            " between predicted probability and observed frequency over ten bins; even a perfect"
            " model shows some, up to the bound in 95 % of cases. Without this noise remains the"
            " error of the model, with its 95 % interval.",
            ("Prediction time", *(title for _, title in shown_names)),
            lines,
        ),
    ]


def calibration_text(bins: Sequence[CalibrationBin]) -> str:
    """Returns how far a calibration curve is from that of a perfect model."""
    furthest = max(bins, key=lambda each: abs(each.mean_probability - each.observed_rate))
    known = [each for each in bins if each.ci_low is not None and each.ci_high is not None]
    inside = [
        each for each in known if (each.ci_low or 0) <= each.mean_probability <= (each.ci_high or 0)
    ]
    return (
        f"in {len(inside)} of {len(known)} bins with an interval, the predicted probability"
        " lies in the interval of the observed frequency; the largest difference is"
        f" {100 * furthest.mean_probability:.1f} % predicted and"
        f" {100 * furthest.observed_rate:.1f} % observed ({furthest.row_count:,} snapshots)"
    )


def importance(model: ModelFacts) -> list[Block]:
    """Returns the features that the model would miss the most."""
    top, rest = model.importance[:_MAX_FEATURES], model.importance[_MAX_FEATURES:]
    if not top:
        return []
    text = "; ".join(
        f"`{each.feature}` {each.log_loss_increase:.4f} ± {each.increase_deviation:.4f}"
        for each in top
    )
    others = sum(each.log_loss_increase for each in rest)
    end = f" The other {len(rest)} add up to {others:.4f}." if rest else ""
    text = (
        "Increase of the log loss of measured snapshots with an open outcome when one feature is"
        f" permuted within its prediction time ({top[0].row_count:,} rows), in nats: {text}.{end}"
        " Correlated features share their importance."
    )
    name = f"importance-{model.entity}"
    picture = report_charts.importance(name, top, text=text.replace("`", ""))
    return [Heading("Feature importance (permutation)"), Chart(picture, text)]


def _first_time(model: ModelFacts) -> list[Block]:
    split = "test_first_time"
    lines: list[Sequence[Content]] = []
    for kind in model.kinds(split):
        row = model.own.figure(split, kind, "log_loss")
        lines.append((
            model.prediction_time(kind),
            f"{row.row_count:,}" if row else "0",
            figure(model.own.figure(split, kind, "auc")),
            shown(model.own.claim(split, kind, model.ceilings)),
        ))  # fmt: skip
    return [
        Heading("First-time creators"),
        Table(
            "Campaigns still open of creators without an earlier project: the only evidence is the"
            " campaign itself.",
            ("Prediction time", "Snapshots", "AUC", "Accuracy"),
            lines,
        ),
    ]


def _cost(model: ModelFacts) -> list[Block]:
    split, simple = "test_undecided", model.baseline("base_rate")
    lines: list[Sequence[Content]] = []
    for kind in model.kinds(split):
        row = model.own.figure(split, kind, "amount_released_to_failing")
        if kind == ALL_KINDS or row is None:
            continue  # all together would count a milestone once per prediction time
        lines.append((
            model.prediction_time(kind),
            f"{row.row_count:,}",
            *(
                figure(scores.figure(split, kind, metric), ",.2f") if scores else "not measured"
                for scores in (model.own, simple)
                for metric in ("amount_released_to_failing", "amount_held_from_delivering")
            ),
        ))  # fmt: skip
    return [
        Heading("Cost in money"),
        Table(
            "Had money followed a probability of one half: what is released to milestones that"
            " then fail, and what is held back from those that deliver. Milestones still open, in"
            " the currency of the platform.",
            ("Prediction time", "Milestones", "Model: released to failing",
             "Model: held from delivering", "Base rate: released to failing",
             "Base rate: held from delivering"),
            lines,
        ),
    ] if lines else []  # fmt: skip
