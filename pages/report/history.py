"""The sections of the modeling report about choice, change and limits, and the model cards."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pages.formats import day, timestamp
from pages.published import ALL_KINDS
from pages.report import charts as report_charts
from pages.report.claims import Scores, Unknown
from pages.report.document import Block, Chart, Content, Heading, Section, Table, Text
from pages.report.facts import Facts, ModelFacts, Replay, Shift
from pages.report.models import figure, main_kind, shown

_UNDECIDED = "test_undecided"
_MEAN = "LogOddsMean"  # the hyperparameters of which are the weights of others
_MIN_SHIFTS = 5  # shown without any alert
PURPOSE = {
    "project_success": "To predict which live campaigns will reach their goal while that is open,"
    " so that attention goes where it may change something. Not to judge creators, and not for"
    " campaigns whose goal is reached.",
    "milestone_risk": "To predict which started milestones may not be approved within 14 days of"
    " their due date, before money is released. Not to replace the vote of the backers.",
}


def sections(facts: Facts) -> list[Section]:
    """Returns the sections that stand behind the figures."""
    per_model = (
        ("candidates", "Candidates, and which one serves", _candidates),
        ("backtest", "Backtest", _backtest),
        ("drift", "Drift", _drift),
        ("changes", "What changed since the last version", _changes),
        ("limits", "Limits", limits),
    )
    found = [
        Section(name, title, [block for model in facts.models for block in blocks_of(model)])
        for name, title, blocks_of in per_model
    ]
    cards = [block for model in facts.models for block in card(model)]
    return [*found, Section("cards", "Model cards", cards)]


def _scores(model: ModelFacts, run: SimpleNamespace) -> Scores:
    return model.scores.get(str(run.model_version), Scores("", {}))


def _candidates(model: ModelFacts) -> list[Block]:
    trained = [run for run in model.candidates if run.status == "trained"]
    if not trained or model.run is None:
        return [Text(f"`{model.name}` has no candidates.")]
    lines: list[Sequence[Content]] = []
    for run in trained:
        scores = _scores(model, run)
        serves = run.model_version == model.run.model_version
        lines.append((
            f"{run.estimator} `{run.model_version}`",
            figure(scores.figure(_UNDECIDED, ALL_KINDS, "auc")),
            figure(scores.figure(_UNDECIDED, ALL_KINDS, "log_loss")),
            shown(scores.claim(_UNDECIDED, ALL_KINDS, model.ceilings)),
            f"{'serving; ' if serves else ''}{_decision(run)}",
        ))  # fmt: skip
    blocks: list[Block] = [
        Table(
            f"`{model.name}`: all fitted at the same cuts, measured on the same snapshots with an"
            " open outcome, all prediction times together.",
            ("Candidate", "AUC", "Log loss", "Accuracy", "Decision"),
            lines,
        )
    ]
    blocks.append(Text(_tried(model)))
    if model.run.model_version not in {run.model_version for run in trained}:
        text = f"{model.run.estimator} `{model.run.model_version}`, in use before, still serves."
        blocks.append(Text(text))
    if model.name == "project_success":
        blocks.append(
            Text(
                "The rule: the candidate of the champion's own estimator takes over if its log loss"
                " on outcomes that neither has seen is not higher; another estimator only if it is"
                " lower with 95 % confidence, since a change of estimator needs a reason. Without a"
                " champion the default estimator begins."
            )
        )
    return blocks


def _tried(model: ModelFacts) -> str:
    """Says how many settings the same outcomes have judged, and what that is worth."""
    count, optimism = model.tried.settings_count, model.tried.optimism
    text = f"Settings of `{model.name}` measured on overlapping launches: {count:,}."
    if optimism is None:
        return text
    return (
        f"{text} If all had the same skill, the best of them would seem {optimism:.4f} of log loss"
        " better than it is, by chance alone: the figures of the version in use may be too good by"
        " about as much."
    )


def _decision(run: SimpleNamespace) -> str:
    text = run.decision or "not decided"
    if run.compared_with is None:
        return text
    text += f"; against `{run.compared_with}` on {run.compared_project_count or 0:,} projects"
    if run.log_loss_difference is None:
        return text
    return f"{text} the log loss is higher by {_difference(run)}"


def _difference(run: SimpleNamespace) -> str:
    ends = (run.difference_low, run.difference_high)
    known = [f"{end:+.4f}" for end in ends if end is not None]
    interval = f"[{', '.join(known)}]" if len(known) == 2 else "(interval not defined)"
    return f"{run.log_loss_difference:+.4f} {interval}"


def _backtest(model: ModelFacts) -> list[Block]:
    replays = [each for each in model.replays if ALL_KINDS in each.scores.kinds("backtest")]
    if not replays:
        return [
            Text(
                f"`{model.name}` has not been replayed, or no outcome is known since. `make"
                " backtest FROM=2022-07-01 TO=2023-07-01` trains each month on what was known then,"
                " predicts until the next month, and compares with the outcomes."
            )
        ]
    lines: dict[str, list[Replay]] = {}
    for each in replays:
        lines.setdefault(each.estimator, []).append(each)
    first, last = replays[0].at, replays[-1].at
    aucs = [
        row.value for each in replays if (row := each.scores.figure("backtest", ALL_KINDS, "auc"))
    ]
    text = (
        f"`{model.name}` at {len({each.at for each in replays})} timestamps from {day(first)}"
        f" to {day(last)}, trained each time on outcomes known then, tested on snapshots with"
        " an open outcome until the next timestamp; 95 % intervals."
    )
    if aucs:
        text += f" AUC from {min(aucs):.3f} to {max(aucs):.3f}."
    name = f"backtest-{model.entity}"
    picture = report_charts.backtest(name, list(lines.items()), text=text.replace("`", ""))
    table = Table(
        f"Every replay, all prediction times together; trained and tested on {model.entity}s.",
        ("Timestamp", "Estimator", "Trained on", "Tested on", "AUC", "Accuracy"),
        [
            (
                each.at,
                each.estimator,
                f"{each.train_entity_count:,}",
                f"{each.test_entity_count:,}{f' ({each.reason})' if each.reason else ''}",
                figure(each.scores.figure("backtest", ALL_KINDS, "auc")),
                shown(each.scores.claim("backtest", ALL_KINDS, [])),
            )
            for each in replays
        ],
    )
    return [Chart(picture, text), table]


def _drift(model: ModelFacts) -> list[Block]:
    if not model.shifts:
        return [
            Text(
                f"`{model.name}`: not tested for drift at this timestamp;"
                " `insights.drift_status` says why."
            )
        ]
    alerts = [each for each in model.shifts if each.is_alert]
    kinds = ", ".join(dict.fromkeys(each.snapshot_kind for each in model.shifts))
    status = f"drift detected in {len(alerts)}" if alerts else "no drift detected"
    rows = alerts or model.shifts[:_MIN_SHIFTS]
    return [
        Table(
            f"`{model.name}` at {kinds}: {status}; `insights.drift_status` says what was tested on"
            " how many projects. Features that shift as the platform ages (`report_only` in"
            " `ml/models.toml`) are shown, but never an alert."
            + ("" if alerts else " The most significant ones:"),
            ("Feature", "Prediction time", "Shift of the mean", "PSI", "Adjusted p-value", "Alert"),
            [_shift(model, each) for each in rows],
        )
    ]


def _shift(model: ModelFacts, each: Shift) -> tuple[str, ...]:
    return (
        f"`{each.feature}`",
        model.prediction_time(each.snapshot_kind),
        "not defined" if each.mean_shift is None else f"{100 * each.mean_shift:+.1f} %",
        "not defined" if each.psi is None else f"{each.psi:.3f}",
        "below 0.0001" if each.adjusted_p_value < 0.0001 else f"{each.adjusted_p_value:.4f}",
        "yes" if each.is_alert else "no",
    )


def _changes(model: ModelFacts) -> list[Block]:
    old, new = model.previous, model.run
    if new is None or new.status != "trained":
        return [Text(f"`{model.name}`: there is no version in use.")]
    if old is None:
        text = f"`{model.name}` `{new.model_version}` is the first version that serves."
        return [Text(text)]
    parts = (
        ("data", old.data_fingerprint, new.data_fingerprint),
        ("settings", old.config_fingerprint, new.config_fingerprint),
        ("code", old.code_fingerprint, new.code_fingerprint),
    )
    changed = [name for name, before, after in parts if before != after]
    text = f"`{model.name}`: changed {', '.join(changed) or 'libraries only'}."
    promotion = model.promotion
    if (
        promotion
        and promotion.compared_with == old.model_version
        and promotion.log_loss_difference is not None
    ):
        text += (
            f" On {promotion.compared_project_count or 0:,} projects that neither had seen, the"
            f" log loss of the new one is higher by {_difference(promotion)}."
        )
    return [Text(text), _side_by_side(model, old, new)]


def _side_by_side(model: ModelFacts, old: SimpleNamespace, new: SimpleNamespace) -> Table:
    lines: list[Sequence[Content]] = [
        ("Version", *(f"`{run.model_version}`" for run in (old, new))),
        ("Estimator", old.estimator, new.estimator),
        ("Decided for AS_OF", *(day(run.as_of) for run in (old, new))),
        ("Fitted to", *(f"{run.train_entity_count:,} {model.entity}s" for run in (old, new))),
        ("Measured on launches after", *(day(run.cutoff_at) for run in (old, new))),
        ("Measured on", *(f"{run.test_entity_count:,} {model.entity}s" for run in (old, new))),
    ]
    both = [_scores(model, run) for run in (old, new)]
    for metric, title in (("auc", "AUC"), ("log_loss", "Log loss"), ("brier_skill", "Brier skill")):
        cells = [figure(each.figure(_UNDECIDED, ALL_KINDS, metric)) for each in both]
        lines.append((title, *cells))
    claims = [shown(each.claim(_UNDECIDED, ALL_KINDS, model.ceilings)) for each in both]
    lines.append(("Accuracy", *claims))
    return Table(
        "Each on its own launches, open outcomes, all prediction times together: other launches"
        " are another test, so these rows do not show which version is better.",
        ("Figure", "Before", "Now"),
        lines,
    )


def limits(model: ModelFacts) -> list[Block]:
    """Returns how far the figures of the version in use reach."""
    run = model.run
    if run is None or run.status != "trained" or run.cutoff_at is None:
        return [Text(f"`{model.name}` makes no predictions; the outlook has no probabilities.")]
    sentences = [
        f"`{model.name}` knows no outcome after {day(model.known_by)}. The figures are those of"
        " earlier fits to fewer outcomes; the last fit, which predicts what is live, has none."
    ]
    kind = main_kind(model, _UNDECIDED)
    claim = model.own.claim(_UNDECIDED, kind, model.ceilings)
    if claim and not isinstance(claim.interval, Unknown):
        low, high = claim.interval
        sentences.append(
            f"With {run.test_entity_count:,} {model.entity}s measured, the 95 % interval of its"
            f" accuracy at {kind} is {100 * (high - low):.1f} points wide."
        )
    sentences.append(_above_bound(model))
    if model.ceilings:
        sentences.append(
            "The data are generated and their truth is known: the figures hold for that platform,"
            " not for another one."
        )
    pending = sum(row.snapshot_count - row.labelled_count for row in model.kind_rows)
    sentences.append(f"{pending:,} snapshots await their outcome and are in no figure.")
    return [Text(" ".join(each for each in sentences if each))]


def _above_bound(model: ModelFacts) -> str:
    found, counted = [], 0
    for kind in model.kinds(_UNDECIDED):
        error = model.own.figure(_UNDECIDED, kind, "calibration_error")
        bound = model.own.figure(_UNDECIDED, kind, "calibration_error_bound")
        if error and bound and kind != ALL_KINDS:
            counted += 1
            if error.value > bound.value:
                found.append(kind)
    if not counted:
        return ""
    if not found:
        return "Its calibration error exceeds the bound of a perfect model at no prediction time."
    return (
        f"Its calibration error exceeds the bound of a perfect model at {', '.join(found)}"
        f" ({len(found)} of {counted} prediction times): not by chance alone."
    )


def card(model: ModelFacts) -> list[Block]:
    """Returns the model card of the version in use."""
    run = model.run
    if run is None or run.status != "trained":
        return [Heading(model.name), Text(f"{PURPOSE[model.name]} No version is in use.")]
    kind = main_kind(model, _UNDECIDED)
    claim = model.own.claim(_UNDECIDED, kind, model.ceilings)
    names = ", ".join(f"`{name}`" for name in sorted(each.feature for each in model.importance))
    manifest = model.manifest
    lines: list[tuple[str, Content]] = [
        ("Purpose", PURPOSE[model.name]),
        ("Version", f"`{run.model_version}`, {_origin(run, manifest)}"),
        ("Data", f"known as of {timestamp(model.known_by)}, digest"
         f" `{run.data_fingerprint[:12]}`"),
        ("Training", f"{run.train_entity_count:,} {model.entity}s, {run.train_row_count:,}"
         f" snapshots with an open outcome, launched from {day(run.train_from_at)}, outcomes"
         f" known by {day(model.known_by)}"),
        ("Measured on", f"{run.test_entity_count:,} {model.entity}s, {run.test_row_count:,}"
         f" snapshots, of launches after {day(run.cutoff_at)}, each by a fit from before its"
         " launch"),
        ("Estimator", f"{run.estimator}; {_hyperparameters(manifest)}"),
        ("Features", names or "not measured: there was nothing to measure on"),
        ("Features left out", _left_out(model)),
        ("Accuracy, outcome open", shown(claim)),
        ("AUC, outcome open", f"{figure(model.own.figure(_UNDECIDED, kind, 'auc'))} at {kind}"),
        ("Limits", "see Limits above; use it for open outcomes of this platform only"),
        ("Settings, code", f"digests `{run.config_fingerprint[:12]}`,"
         f" `{run.code_fingerprint[:12]}`; {_libraries(manifest)}"),
        ("File", f"`{run.artifact_path}`, SHA-256 `{run.artifact_sha256}`"),
    ]  # fmt: skip
    return [Table(f"Model card of `{model.name}`", ("About", "Entry"), lines)]


def _left_out(model: ModelFacts) -> str:
    used = {each.feature for each in model.importance}
    names = sorted({name for group in model.feature_groups for name in group.names} - used)
    return ", ".join(f"`{name}`" for name in names) if used and names else "none known"


def _origin(run: SimpleNamespace, manifest: dict[str, Any]) -> str:
    """Returns when a version was trained; without its manifest, when it was decided on last."""
    if not manifest:
        return f"decided on {timestamp(run.trained_at)} by run `{run.run_id}`"
    trained_at = datetime.fromisoformat(manifest["trained_at"])
    return f"trained {timestamp(trained_at)} by run `{manifest['run_id']}`"


def _hyperparameters(manifest: dict[str, Any]) -> str:
    if "hyperparameters" not in manifest:
        return "its folder with the hyperparameters is not beside the warehouse"
    values = dict(manifest["hyperparameters"])
    grow_from = values.pop("trees_grow_from", None)
    given = ", ".join(f"`{name} = {value}`" for name, value in values.items())
    if manifest["estimator"] == _MEAN:
        given = f"priors of the weights {given}"
    if grow_from:
        given += f" (from {grow_from} projects on trees count for more)"
    return f"{given}, seed {manifest['seed']}"


def _libraries(manifest: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in manifest.get("libraries", {}).items())
