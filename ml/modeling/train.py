"""Stage `train`: the candidates of each model, unless they exist or the data are too few."""

import dataclasses
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ml.context import RunContext
from ml.modeling import (
    artifacts,
    assessment,
    baselines,
    fingerprints,
    promotion,
    skill,
)
from ml.modeling.assessment import Assessment
from ml.modeling.baselines import CEILING, ORACLE, Predictor
from ml.modeling.metrics import Metric
from ml.modeling.promotion import Candidate, Standing
from ml.modeling.registry import (
    ModelRun,
    add_run,
    decisions,
    measured_versions,
    newest_run,
    predictors_beside,
)
from ml.modeling.rolling import Training
from ml.modeling.rows import (
    check_inputs,
    column_types,
    first_measured,
    holdout_rows,
    measurable,
    require_truth,
    rolling_cuts,
    trained_until,
    training_rows,
)
from ml.modeling.truth import ceiling_file
from ml.modeling.versions import planned_runs, skip_reason, with_test, with_training
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


class Trained(NamedTuple):
    """The result for one candidate: its row, its metrics if it was measured just now.

    An incumbent that stays comes last, with the metrics of its last measurement.
    """

    run: ModelRun
    metrics: list[Metric]
    note: str


class Past(NamedTuple):
    """What the warehouse and the model folder hold of these very candidates.

    Attributes:
        recorded: The newest row of each version that was trained before.
        damage: What is wrong with their model files; None when nothing is.
        standing: The decision made of these candidates before.
        is_measured: The first candidate was measured beside the truth that is given.
        has_metrics: Of every candidate there is a measurement that counts.
    """

    recorded: list[ModelRun | None]
    damage: list[str | None]
    standing: Standing | None
    is_measured: bool
    has_metrics: bool

    @property
    def is_trained(self) -> bool:
        """Whether every candidate was fitted, its file is whole, and the truth is the same."""
        return None not in self.recorded and not any(self.damage) and self.is_measured

    @property
    def is_complete(self) -> bool:
        """Whether this run has nothing to add."""
        return self.is_trained and self.standing is not None and self.standing.is_newest


class Made(NamedTuple):
    """A candidate, fitted or loaded, and measured.

    Attributes:
        content: Its model file, if that is to be written.
    """

    candidate: Candidate
    assessment: Assessment
    note: str
    content: bytes | None


def run(
    model: ModelSettings,
    warehouse: Warehouse,
    context: RunContext,
    *,
    models: Path,
    truth: Path | None = None,
) -> list[Trained]:
    """Fits every candidate at each cut, measures it on later launches, decides which one serves.

    What serves is the fit to everything mature (with `train_every_days`, by the last such day): at
    one month's launches after the other it is the procedure that was measured, and every outcome
    more makes it better.

    Args:
        model: Settings of the model.
        warehouse: Open for writing.
        context: The run.
        models: Folder of the model files.
        truth: Folder with the truth of this generated platform, for the oracle and the ceiling.

    Raises:
        MlError: An input column is missing or of another kind, a hyperparameter is wrong, or the
            truth is that of another platform.
    """
    check_inputs(warehouse, model, model.features)
    cuts = rolling_cuts(warehouse, model)
    runs = planned_runs(model, warehouse, context, first_measured(cuts))
    past = _read_past(model, runs, warehouse, models, truth)
    if truth is not None and past.is_trained:  # figures beside it are kept, not measured again
        require_truth(warehouse, model, truth)
    if past.standing and past.is_complete:
        rows_before = past.standing.rows
        unchanged = [Trained(row, [], "up to date") for row in rows_before[: len(runs)]]
        return unchanged + _staying(rows_before[len(runs) :], warehouse)
    if decided := _decided_again(past, runs[0], warehouse):
        return [
            Trained(
                row, assessment.last_measured(warehouse, str(row.model_version)), "trained before"
            )
            for row in decided
        ]
    first = runs[0]
    if first.cutoff_at is None:
        return [_skip(first, warehouse, f"no {model.entity} has a known outcome to learn from yet")]
    rows = training_rows(warehouse, model, warehouse.as_of())
    cutoff, by_cut, reason = _measured_from(rows, cuts, model)
    runs = [dataclasses.replace(each, cutoff_at=cutoff) for each in runs]
    if reason:
        return [_skip(with_training(runs[0], by_cut), warehouse, reason)]
    test = holdout_rows(warehouse, model, cutoff, truth=truth)

    training = Training(rows, cuts)
    rivals = baselines.predictors(model, training, by_cut, test)
    tested = assessment.HeldOutRows(test, model)
    runs = [with_test(with_training(each, rows), test) for each in runs]
    made = [
        _make(each, planned, known, damage, training, tested, rivals, models)
        for each, planned, known, damage in zip(
            model.candidates(), runs, past.recorded, past.damage, strict=True
        )
    ]
    others = assessment.assess_others(model, str(first.model_version), test, rivals)
    candidates = [each.candidate for each in made]
    known = {
        (each.run.model_version, cutoff): (test, tested.score(each.fitted)) for each in candidates
    }
    decided = _decide(past.standing, candidates, known, warehouse, models)

    _write(made, others, decided, past, column_types(warehouse, model), warehouse, models, context)
    trained = [
        Trained(row, each.assessment.metrics, each.note)
        for row, each in zip(decided[: len(made)], made, strict=True)
    ]
    return trained + _staying(decided[len(made) :], warehouse)


def _decided_again(past: Past, stamp: ModelRun, warehouse: Warehouse) -> list[ModelRun] | None:
    """Adds the decision for this `as_of` where all of it is on record: nothing new was learned.

    Fits, measurements and comparisons follow from the rows that the versions are named by.
    """
    if past.standing or not (past.is_trained and past.has_metrics):
        return None
    recorded = [run for run in past.recorded if run]
    decided = promotion.decide_again(recorded, stamp, warehouse)
    if decided:
        with warehouse.transaction():
            for row in decided:
                add_run(warehouse, row)
    return decided


def _staying(rows: list[ModelRun], warehouse: Warehouse) -> list[Trained]:
    """Returns the incumbent, if it stays, with what was measured of it last."""
    return [
        Trained(row, assessment.last_measured(warehouse, str(row.model_version)), "")
        for row in rows
    ]


def _measured_from(
    rows: pa.Table, cuts: list[datetime], model: ModelSettings
) -> tuple[datetime, pa.Table, str | None]:
    """Returns the first cut from the second on by which enough was known, and what was known.

    With it comes what is lacking when even the last cut has not enough.
    """
    for cut in measurable(cuts):
        by_cut = rows.filter(pc.less_equal(rows.column("closed_at"), cut))
        reason = skip_reason(by_cut, model, cut)
        if reason is None:
            break
    return cut, by_cut, reason


def _write(
    made: list[Made],
    others: list[Assessment],
    decided: list[ModelRun],
    past: Past,
    types: dict[str, str],
    warehouse: Warehouse,
    models: Path,
    context: RunContext,
) -> None:
    """Writes the model files, then all rows or none."""
    until = trained_until(warehouse, made[0].candidate.model)
    for each in made:
        _store(each, types, until, models)
    first = made[0].candidate.run
    with warehouse.transaction():
        if not (past.standing and past.standing.is_newest):
            for row in decided:
                add_run(warehouse, row)
        judged = [*(each.assessment for each in made), *others]
        assessment.add_to(warehouse, judged, first.model_name, first.as_of, context)


def _read_past(
    model: ModelSettings,
    runs: list[ModelRun],
    warehouse: Warehouse,
    models: Path,
    truth: Path | None,
) -> Past:
    versions = [str(run.model_version) for run in runs]
    recorded = [newest_run(warehouse, model.name, version) for version in versions]
    known_truths = predictors_beside(warehouse, versions[0]) & {ORACLE, CEILING}
    measured = measured_versions(warehouse, model.name)
    return Past(
        recorded=recorded,
        damage=[artifacts.damage(models, run) if run else None for run in recorded],
        standing=promotion.standing(model, versions, warehouse, models),
        is_measured=known_truths == _given_truths(model, truth),
        has_metrics=measured.issuperset(versions),
    )


def _given_truths(model: ModelSettings, truth: Path | None) -> set[str]:
    if truth is None:
        return set()
    return {ORACLE} | ({CEILING} if ceiling_file(truth, model).is_file() else set())


def _make(
    model: ModelSettings,
    run: ModelRun,
    known: ModelRun | None,
    damage: str | None,
    training: Training,
    tested: assessment.HeldOutRows,
    rivals: list[Predictor],
    models: Path,
) -> Made:
    """Loads the candidate if it was trained before and its file is whole; else fits it."""
    if known is not None and damage is None:
        fitted, content, note = artifacts.load(models, known), None, "trained before"
        row = dataclasses.replace(
            known, run_id=run.run_id, as_of=run.as_of, trained_at=run.trained_at
        )
    else:
        fitted = training.fit(model)
        content = artifacts.dump(fitted)
        note = f"{damage}: it was made anew" if damage else ""
        path = artifacts.folder_of(models, model.name, str(run.model_version))
        row = dataclasses.replace(
            run,
            artifact_path=(path.relative_to(models.parent) / artifacts.MODEL_FILE).as_posix(),
            artifact_sha256=artifacts.digest(content),
        )
    version = str(run.model_version)
    found = assessment.assess_model(model, fitted, version, tested, rivals)
    row = dataclasses.replace(row, skill_state=skill.state(found.metrics), reason=found.untested)
    return Made(Candidate(model, row, fitted), found, note, content)


def _decide(
    before: Standing | None,
    candidates: list[Candidate],
    known: promotion.Known,
    warehouse: Warehouse,
    models: Path,
) -> list[ModelRun]:
    """Returns the rows of the decision; one that was made before stands, under this run's name."""
    if before is None:
        return promotion.decide(candidates, warehouse, models, known)
    stamp = candidates[0].run
    return [
        dataclasses.replace(run, run_id=stamp.run_id, trained_at=stamp.trained_at)
        for run in before.rows
    ]


def _skip(run: ModelRun, warehouse: Warehouse, reason: str) -> Trained:
    run = dataclasses.replace(run, status="skipped", reason=reason, model_version=None)
    newest = next(iter(decisions(warehouse, run.model_name)), [])
    unchanged = newest == [
        dataclasses.replace(run, run_id=each.run_id, trained_at=each.trained_at) for each in newest
    ]
    if not newest or not unchanged:
        add_run(warehouse, run)
    return Trained(run, [], "skipped")


def _store(made: Made, types: dict[str, str], until: datetime, models: Path) -> None:
    """Writes the folder of a model that was fitted just now."""
    model, run = made.candidate.model, made.candidate.run
    if made.content is not None:
        artifacts.store(
            artifacts.folder_of(models, model.name, str(run.model_version)),
            made.content,
            manifest=_manifest(model, run, types, until),
            metrics=[metric._asdict() for metric in made.assessment.metrics],
        )


def _manifest(
    model: ModelSettings, run: ModelRun, types: dict[str, str], until: datetime
) -> dict[str, Any]:
    """Returns what people need to know about the file; nothing is ever decided by it."""
    features = [
        {"name": name, "kind": kind, "type": types[name]}
        for kind, names in asdict(model.features).items()
        for name in names
    ]
    return {
        **asdict(run),
        "trained_until": until,
        "entity": model.entity,
        "label": model.label,
        "hyperparameters": model.hyperparameters,
        "seed": model.seed,
        "split": asdict(model.split),
        "features": features,
        "libraries": fingerprints.libraries(),
    }
