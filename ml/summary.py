"""What the stages say on the screen."""

from collections.abc import Iterable
from pathlib import Path

from ml.modeling.metrics import Metric
from ml.modeling.predict import Predicted
from ml.modeling.registry import ModelRun
from ml.modeling.skill import skill_text
from ml.modeling.train import Trained
from ml.settings import ModelSettings


def trained_lines(model: ModelSettings, results: list[Trained], models: Path) -> list[str]:
    """Says which candidates there are, which one serves, and how well each did after the cut."""
    run = results[0].run
    if run.status != "trained":
        return [f"{model.name} skipped, the run goes on without it: {run.reason}"]
    if not results[0].metrics:
        words = [
            f"{_title(result.run)} {result.note or 'has no test rows yet'}" for result in results
        ]
        return ["; ".join(words)]
    lines = [
        f"{model.name}: cut {run.cutoff_at:%Y-%m-%d}, trained on"
        f" {_count(run.train_entity_count, model.entity)} ({run.train_row_count:,} snapshots),"
        f" tested on {run.test_entity_count:,} of later launches ({run.test_row_count:,})"
        f" -> {models / model.name}"
    ]
    clock = model.drift.snapshot_kinds[0]
    for result in results:
        note = f" ({result.note})" if result.note else ""
        lines.append(
            f"{result.run.estimator} {result.run.model_version}{note}: undecided at"
            f" {_figures(result.metrics, clock)}; {result.run.decision};"
            f" {skill_text(result.run.skill_state)}"
        )
    return lines


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


def _count(number: int, entity: str) -> str:
    return f"{number:,} {entity}{'' if number == 1 else 's'}"


def _figures(metrics: Iterable[Metric], clock: str) -> str:
    rows = {
        row.metric: row
        for row in metrics
        if row.split == "test_undecided" and row.snapshot_kind == clock
    }
    if not rows:
        return f"{clock}: nothing to test on"
    auc, accuracy = rows["auc"], rows["accuracy"]
    return (
        f"{clock} AUC {_interval(auc, 1, '.3f')}, accuracy {_interval(accuracy, 100, '.1f')} %,"
        f" base rate {100 * auc.base_rate:.1f} %"
    )


def _interval(row: Metric, factor: int, form: str) -> str:
    if row.value is None:
        return "undefined"
    value = format(factor * row.value, form)
    if row.ci_low is None or row.ci_high is None:
        return value
    return f"{value} [{format(factor * row.ci_low, form)}, {format(factor * row.ci_high, form)}]"
