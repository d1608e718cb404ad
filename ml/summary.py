"""The lines that the stages print: short, the pages have the detail."""

from collections.abc import Iterable
from pathlib import Path

from ml.command import short
from ml.modeling.metrics import Metric
from ml.modeling.predict import Predicted
from ml.modeling.promotion import INCUMBENT
from ml.modeling.registry import ModelRun
from ml.modeling.skill_states import skill_text
from ml.modeling.train import Trained
from ml.settings import ModelSettings


def trained_lines(model: ModelSettings, results: list[Trained], models: Path) -> list[str]:
    """Says what was fitted and measured, which version serves, and what it is worth."""
    run = results[0].run
    if run.status != "trained":
        return [f"{model.name} skipped, the run goes on without it: {run.reason}"]
    kind = model.drift.snapshot_kinds[-1]  # the one that the report leads with
    candidates = [each for each in results if each.run.decision != INCUMBENT]
    staying = [
        line
        for each in results
        if each.run.decision == INCUMBENT
        for line in (
            f"serving: {_estimator(each.run)} ({INCUMBENT})",
            f"  {_basis(each.run, model)}; {_figures(each, kind)}",
        )
    ]
    if not results[0].metrics:
        lines = [f"{_title(each.run)} {each.note or 'has no test rows yet'}" for each in candidates]
        return lines + staying
    lines = [
        f"{model.name}: {'candidates ' if staying else ''}{_basis(run, model)}, each by a fit"
        f" from before its launch -> {short(models / model.name)}"
    ]
    for result in candidates:
        note = f" ({result.note})" if result.note else ""
        role = "serving" if result.run.is_champion else "candidate"
        lines.append(f"{role}: {_estimator(result.run)}{note} ({result.run.decision})")
        if result is results[0] or result.run.is_champion:  # the report has the figures of all
            lines.append(f"  {_figures(result, kind)}")
    return lines + staying


def predicted_lines(result: Predicted) -> list[str]:
    """Says what was added to `ml.predictions`."""
    run = result.run
    if run.status != "trained":
        return [f"{run.model_name} has no model, so no predictions: {run.reason}"]
    if not result.live_count + result.historical_count:
        return [f"{_title(run)}: nothing new to predict"]
    return [
        f"{_title(run)}: {result.live_count:,} live, {result.historical_count:,} historical"
        f" snapshots after the cut; {skill_text(run.skill_state)} -> ml.predictions"
    ]


def _title(run: ModelRun) -> str:
    return f"{run.model_name} {run.model_version}"


def _estimator(run: ModelRun) -> str:
    return f"{run.estimator.removesuffix('Classifier')} {run.model_version}"


def _basis(run: ModelRun, model: ModelSettings) -> str:
    whose = "" if model.entity == "project" else " of projects"
    return (
        f"fitted to {_count(run.train_entity_count, model.entity)}; measured on"
        f" {run.test_entity_count:,}{whose} launched after {run.cutoff_at:%d %b %Y}"
    )


def _figures(result: Trained, kind: str) -> str:
    run = result.run
    reason = f" ({run.reason})" if run.reason else ""
    return f"log loss: {skill_text(run.skill_state)}{reason}; {_worth(result.metrics, kind)}"


def _count(number: int, entity: str) -> str:
    return f"{number:,} {entity}{'' if number == 1 else 's'}"


def _worth(metrics: Iterable[Metric], kind: str) -> str:
    """Compares the accuracy with that of always guessing the more frequent class."""
    here = {r.metric: r for r in metrics if (r.split, r.snapshot_kind) == ("test_undecided", kind)}
    row, over = here.get("accuracy"), here.get("accuracy_over_majority_guess")
    if row is None or row.value is None or over is None or over.value is None:
        return f"nothing to test on at {kind}"
    text = f"accuracy at {kind} {100 * row.value:.1f} %"
    if row.ci_low is not None and row.ci_high is not None:
        text += f" [{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}]"
    guess = max(row.base_rate, 1 - row.base_rate)
    text += f", majority guess {100 * guess:.1f} %: {100 * over.value:+.1f} points"
    if over.ci_low is not None and over.ci_high is not None:
        text += f" [{100 * over.ci_low:+.1f}, {100 * over.ci_high:+.1f}]"
    return text
