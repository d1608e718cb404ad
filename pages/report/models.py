"""The sections of the modeling report that tell of one model: how good it is, and how it works."""

from collections.abc import Sequence

from pages.published import ALL_KINDS, CEILING, ORACLE
from pages.report import charts as report_charts
from pages.report.claims import Claim, Measured, Scores
from pages.report.document import Block, Chart, Heading, Section, Table, Text, Words, plain
from pages.report.facts import CalibrationBin, ModelFacts
from pages.report.published import PUBLISHED, PUBLISHED_LAUNCH_AUC

MAIN_CLOCK = {"project_success": "d3", "milestone_risk": "vote_3d"}
_TITLES = {
    "project_success": "Will a campaign reach its goal?",
    "milestone_risk": "Is a milestone at risk?",
}
_ROWS = {
    "project_success": {
        "test": "all running campaigns",
        "test_undecided": "undecided campaigns",
        "test_first_time": "undecided campaigns of first-time creators",
    },
    "milestone_risk": {"test": "all milestones", "test_undecided": "undecided milestones"},
}
_PREDICTORS = {
    "base_rate": "base rate of the clock",
    "logistic_regression": "logistic regression, all features",
    "final_totals_leaking": "LEAKING, no rival: boosting that knows the final totals",
    CEILING: "observable ceiling: strong learner on ten times the data, same features",
    ORACLE: "oracle: true probability, knows what is hidden",
}
_MOST_FEATURES = 10


def figure(row: Measured | None, form: str = ".3f") -> str:
    """Returns a metric with its interval."""
    if row is None:
        return "not known"
    value = format(row.value, form)
    if row.low is None or row.high is None:
        return f"{value} (interval not defined)"
    return f"{value} [{format(row.low, form)}, {format(row.high, form)}]"


def main_clock(model: ModelFacts, split: str) -> str:
    """Returns the clock that stands for the model, or all together where it was not measured."""
    wanted = MAIN_CLOCK[model.name]
    return wanted if wanted in model.own.kinds(split) else ALL_KINDS


def shown(claim: Claim | None) -> Words:
    """Returns a claim, or the words for none."""
    return claim if claim is not None else "not known"


def section(model: ModelFacts) -> Section:
    """Returns the section on how good the model in use is."""
    name, title = model.name.replace("_", "-"), _TITLES[model.name]
    if model.run is None:
        return Section(name, title, [Text(f"`{model.name}` has never been trained here.")])
    if model.run.status != "trained":
        words = f"`{model.name}` was skipped and predicts nothing: {model.run.reason}."
        return Section(name, title, [Text(words)])
    if not model.own.kinds("test"):
        words = f"`{model.name}` has no {model.entity} of later launches to be tested on yet."
        return Section(name, title, [Text(words)])
    blocks = [*_over_time(model)]
    if model.name == "milestone_risk":
        blocks += _cost(model)
    blocks += [*_against_baselines(model), *_calibration(model), *_importance(model)]
    if model.own.kinds("test_first_time"):
        blocks += _first_time(model)
    return Section(name, title, blocks)


def _claims(model: ModelFacts, scores: Scores | None, split: str) -> list[Claim]:
    clocks = [kind for kind in model.clocks(split) if kind != ALL_KINDS]
    found = [scores.claim(split, kind, model.ceilings) for kind in clocks] if scores else []
    return [each for each in found if each]


def _over_time(model: ModelFacts) -> list[Block]:
    rows = _ROWS[model.name]
    panels = []
    words: list[str | Claim] = []
    for split in ("test", "test_undecided"):
        own = _claims(model, model.own, split)
        if own:
            panels.append((rows[split], own, _claims(model, model.baseline("base_rate"), split)))
            words += [f"{rows[split].capitalize()}: from ", own[0], " to ", own[-1], ". "]
    is_campaign = model.name == "project_success"
    picture = report_charts.accuracy(
        panels, with_published=is_campaign, words=plain(tuple(words)).strip()
    )
    blocks: list[Block] = [
        Heading("Accuracy by clock"),
        Chart(picture, tuple(words)),
        _accuracy_table(model),
    ]
    if is_campaign:
        blocks += [
            Table(
                "What others have published for Kickstarter, at their clocks (diamonds in the"
                " chart). Other campaigns with other base rates: a scale, not a contest.",
                ("Known when", "Accuracy"),
                [(each.clock, each) for each in PUBLISHED],
            ),
            Text(
                "At launch, gradient boosting on the Kickstarter data of Kaggle has an AUC of"
                f" {PUBLISHED_LAUNCH_AUC} (2026 study); this model here"
                f" {figure(model.own.figure('test', 'launch', 'auc'))}."
            ),
        ]
    return blocks


def _accuracy_table(model: ModelFacts) -> Table:
    rows = _ROWS[model.name]
    with_truth = bool(model.own.claim("test_undecided", ALL_KINDS, [], "expected_accuracy"))
    columns = ["Clock", "Snapshots, of these undecided", *(
        f"Accuracy, {rows[split]}" for split in ("test", "test_undecided"))]  # fmt: skip
    if with_truth:
        columns.append(f"Expected accuracy, {rows['test_undecided']}")
    lines: list[list[Words]] = []
    for kind in model.clocks("test"):
        counts = [
            each.row_count if (each := model.own.figure(split, kind, "log_loss")) else 0
            for split in ("test", "test_undecided")
        ]
        line: list[Words] = [kind, f"{counts[0]:,}, {counts[1]:,}"]
        for split in ("test", "test_undecided"):
            line.append(shown(model.own.claim(split, kind, model.ceilings)))
        if with_truth:
            # of milestones only the start has a true probability
            is_known = model.is_known("test_undecided", kind, "expected_accuracy")
            expected = model.own.claim("test_undecided", kind, model.ceilings, "expected_accuracy")
            line.append(shown(expected if is_known else None))
        lines.append(line)
    caption = "In brackets: 95 % interval of a bootstrap over projects."
    if with_truth:
        caption += (
            " Expected accuracy: under the true probability, which a generated platform knows;"
            " the chance in the outcomes does not blur it."
        )
    return Table(caption, columns, lines)


def _against_baselines(model: ModelFacts) -> list[Block]:
    split = "test_undecided"
    measured = model.own.figure(split, ALL_KINDS, "log_loss")
    own_count = measured.row_count if measured else 0
    lines: list[Sequence[Words]] = []
    for scores in (model.own, *model.baselines()):
        count = scores.figure(split, ALL_KINDS, "log_loss")
        if count is None or count.row_count != own_count:
            continue  # the oracle of milestones knows only their start
        is_own = scores is model.own
        plain = _PREDICTORS.get(scores.predictor, _only(scores.predictor))
        name = f"this model, {scores.predictor.replace('_', ' ')}" if is_own else plain
        lines.append((
            name,
            figure(scores.figure(split, ALL_KINDS, "auc")),
            figure(scores.figure(split, ALL_KINDS, "brier_skill")),
            figure(scores.figure(split, ALL_KINDS, "log_loss")),
            shown(scores.claim(split, ALL_KINDS, model.ceilings)),
        ))  # fmt: skip
    return [
        Heading("Against simpler rules, a leak, and what was possible"),
        Table(
            f"On the same rows: {_ROWS[model.name][split]}, all clocks together. The leaking one"
            " shows what a leak looks like: final totals are the outcome in disguise."
            + ("" if model.ceilings else " How much was possible is not known for these data."),
            ("Predictor", "AUC", "Brier skill", "Log loss", "Accuracy"),
            lines,
        ),
    ]


def _only(predictor: str) -> str:
    return (
        f"`{predictor.removesuffix('_only')}` alone" if predictor.endswith("_only") else predictor
    )


def _calibration(model: ModelFacts) -> list[Block]:
    split = "test_undecided"
    kinds = list(dict.fromkeys((ALL_KINDS, main_clock(model, split))))
    panels = []
    for kind in kinds:
        bins = [each for each in model.curve if (each.split, each.snapshot_kind) == (split, kind)]
        if bins:
            panels.append(("all clocks" if kind == ALL_KINDS else f"at {kind}", bins))
    if not panels:
        return []
    words = ". ".join(f"{title.capitalize()}: {_told(bins)}" for title, bins in panels) + "."
    names = [("auc", "AUC"), ("auc_above_ceiling", "AUC above the ceiling"),
             ("brier_score", "Brier score"), ("brier_skill", "Brier skill"),
             ("calibration_error", "Calibration error"),
             ("calibration_error_bound", "of a perfect model, 95 % bound"),
             ("true_calibration_error", "against the true probability")]  # fmt: skip
    shown_names = [
        (metric, title)
        for metric, title in names
        if any(model.own.figure(split, kind, metric) for kind in model.clocks(split))
    ]
    lines = []
    for kind in model.clocks(split):
        cells = [
            model.own.figure(split, kind, metric) if model.is_known(split, kind, metric) else None
            for metric, _ in shown_names
        ]
        is_bound = [metric.endswith("_bound") for metric, _ in shown_names]
        lines.append([kind, *(
            f"{cell.value:.3f}" if cell and bound else figure(cell)
            for cell, bound in zip(cells, is_bound, strict=True)
        )])  # fmt: skip
    return [
        Heading("Ranking and calibration"),
        Chart(report_charts.calibration(panels, words=words), words),
        Table(
            f"{_ROWS[model.name][split].capitalize()}. The calibration error is the mean distance"
            " between what was said and what came, over ten bins; even a perfect model shows some,"
            " up to the bound in 95 % of cases.",
            ("Clock", *(title for _, title in shown_names)),
            lines,
        ),
    ]


def _told(bins: Sequence[CalibrationBin]) -> str:
    furthest = max(bins, key=lambda each: abs(each.mean_probability - each.observed_rate))
    known = [each for each in bins if each.ci_low is not None and each.ci_high is not None]
    inside = [
        each for each in known if (each.ci_low or 0) <= each.mean_probability <= (each.ci_high or 0)
    ]
    return (
        f"in {len(inside)} of {len(known)} bins with an interval, what was said lies in the"
        f" interval of what came; furthest apart, {100 * furthest.mean_probability:.1f} % was said"
        f" and {100 * furthest.observed_rate:.1f} % came ({furthest.row_count:,} snapshots)"
    )


def _importance(model: ModelFacts) -> list[Block]:
    top, rest = model.importance[:_MOST_FEATURES], model.importance[_MOST_FEATURES:]
    if not top:
        return []
    words = "; ".join(
        f"`{each.feature}` {each.log_loss_increase:.4f} ± {each.increase_deviation:.4f}"
        for each in top
    )
    others = sum(each.log_loss_increase for each in rest)
    end = f" The other {len(rest)} add up to {others:.4f}." if rest else ""
    words = (
        "Growth of the log loss of held-out undecided snapshots when one feature is shuffled within"
        f" its clock ({top[0].row_count:,} rows), in nats: {words}.{end} Features that tell the"
        " same story share their importance."
    )
    picture = report_charts.importance(top, words=words.replace("`", ""))
    return [Heading("What it looks at"), Chart(picture, words)]


def _first_time(model: ModelFacts) -> list[Block]:
    split = "test_first_time"
    lines: list[Sequence[Words]] = []
    for kind in model.clocks(split):
        row = model.own.figure(split, kind, "log_loss")
        lines.append((
            kind,
            f"{row.row_count:,}" if row else "0",
            figure(model.own.figure(split, kind, "auc")),
            shown(model.own.claim(split, kind, model.ceilings)),
        ))  # fmt: skip
    return [
        Heading("First-time creators"),
        Table(
            "Undecided campaigns of creators without an earlier project: nothing is known of their"
            " past, so the campaign itself must speak.",
            ("Clock", "Snapshots", "AUC", "Accuracy"),
            lines,
        ),
    ]


def _cost(model: ModelFacts) -> list[Block]:
    split, simple = "test_undecided", model.baseline("base_rate")
    lines: list[Sequence[Words]] = []
    for kind in model.clocks(split):
        row = model.own.figure(split, kind, "amount_released_to_failing")
        if kind == ALL_KINDS or row is None:
            continue  # all together would count a milestone once per clock
        lines.append((
            kind,
            f"{row.row_count:,}",
            *(
                figure(scores.figure(split, kind, metric), ",.0f") if scores else "not measured"
                for scores in (model.own, simple)
                for metric in ("amount_released_to_failing", "amount_held_from_delivering")
            ),
        ))  # fmt: skip
    return [
        Heading("Cost in money"),
        Table(
            "Had money followed a probability of one half: what is released to milestones that"
            " then fail, and what is held back from those that deliver. Undecided milestones, in"
            " the currency of the platform.",
            ("Clock", "Milestones", "Model: released to failing", "Model: held from delivering",
             "Base rate alone: released to failing", "Base rate alone: held from delivering"),
            lines,
        ),
    ] if lines else []  # fmt: skip
