"""Stage `train`: the candidates of each model, unless they exist or the data are too few."""

import dataclasses
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.modeling import artifacts, assessment, estimators, fingerprints, promotion
from ml.modeling.assessment import Assessment
from ml.modeling.baselines import CEILING, ORACLE
from ml.modeling.estimators import FittedModel
from ml.modeling.metrics import Metric
from ml.modeling.promotion import Candidate, Standing
from ml.modeling.registry import ModelRun, add_run, decisions, newest_run, predictors_beside
from ml.modeling.rows import (
    check_inputs,
    column_types,
    holdout_rows,
    labelled_rows,
    training_cutoff,
    training_rows,
)
from ml.modeling.truth import ceiling_file
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


class Trained(NamedTuple):
    """What became of one candidate: its row, its metrics if it was measured just now."""

    run: ModelRun
    metrics: list[Metric]
    note: str


def train(
    model: ModelSettings,
    warehouse: Warehouse,
    models: Path,
    *,
    run_id: str,
    now: datetime,
    truth: Path | None = None,
) -> list[Trained]:
    """Trains every candidate at a cut, measures on what came later, and decides which one serves.

    A model refitted on everything mature would know more, but nobody has measured it.

    Args:
        model: Settings of the model.
        warehouse: Open for writing.
        models: Folder of the model files.
        run_id: Name of the run.
        now: Moment for `trained_at` and `measured_at`, UTC.
        truth: Folder with the truth of this generated platform, for the oracle and the ceiling.

    Raises:
        MlError: An input column is missing or of another kind, a hyperparameter is wrong, or the
            truth is that of another platform.
    """
    check_inputs(warehouse, model, model.features)
    settings = model.candidates()
    runs = _rows_to_be(settings, warehouse, run_id=run_id, now=now)
    versions = [str(run.model_version) for run in runs]
    recorded = [newest_run(warehouse, model.name, version) for version in versions]
    damage = [artifacts.damage(models, run) if run else None for run in recorded]
    before = promotion.standing(model, versions, warehouse, models)
    if (
        before
        and before.is_newest
        and None not in recorded
        and not any(damage)
        and predictors_beside(warehouse, versions[0]) & {ORACLE, CEILING} == _truths(model, truth)
    ):
        return [Trained(run, [], "up to date") for run in before.rows[: len(versions)]]
    run = runs[0]
    if run.cutoff_at is None:
        return [_skip(run, warehouse, f"no {model.entity} has a known outcome yet")]
    training = training_rows(warehouse, model, run.cutoff_at)
    reason = too_few(training, model, run.cutoff_at)
    if reason:
        return [_skip(with_training(run, training), warehouse, reason)]
    test = holdout_rows(warehouse, model, run.cutoff_at, truth=truth)
    runs = [with_test(with_training(run, training), test) for run in runs]
    candidates, assessments, notes = [], [], []
    for each, run, known, harm in zip(settings, runs, recorded, damage, strict=True):
        is_kept = known is not None and harm is None
        fitted = artifacts.load(models, known) if is_kept and known else None
        fitted = fitted or estimators.fit(each, training)
        assessments.append(assessment.assess_model(each, fitted, str(run.model_version), test))
        if is_kept and known:
            run = dataclasses.replace(
                known, run_id=run.run_id, as_of=run.as_of, trained_at=run.trained_at
            )
        else:
            run = _store(each, run, fitted, assessments[-1], warehouse, models)
        candidates.append(Candidate(each, run, fitted))
        notes.append("trained before" if is_kept else f"{harm}: it was made anew" if harm else "")
    judged = [*assessments, *assessment.assess_others(model, versions[0], training, test)]
    decided = _decide(before, candidates, warehouse, models)
    with warehouse.transaction():
        if not (before and before.is_newest):
            for run in decided:
                add_run(warehouse, run)
        assessment.add_to(
            warehouse,
            judged,
            model_name=model.name,
            run_id=run_id,
            as_of=runs[0].as_of,
            measured_at=now,
        )
    return [
        Trained(run, found.metrics, note)
        for run, found, note in zip(decided, assessments, notes, strict=False)
    ]


def _decide(
    before: Standing | None, candidates: list[Candidate], warehouse: Warehouse, models: Path
) -> list[ModelRun]:
    """Returns the rows of the decision; one that was made before stands, under this run's name."""
    if before is None:
        return promotion.decide(candidates, warehouse, models)
    stamp = candidates[0].run
    return [
        dataclasses.replace(run, run_id=stamp.run_id, trained_at=stamp.trained_at)
        for run in before.rows
    ]


def _truths(model: ModelSettings, truth: Path | None) -> set[str]:
    if truth is None:
        return set()
    return {ORACLE} | ({CEILING} if ceiling_file(truth, model).is_file() else set())


def _rows_to_be(
    settings: tuple[ModelSettings, ...], warehouse: Warehouse, *, run_id: str, now: datetime
) -> list[ModelRun]:
    """Returns one row per candidate, with the version that follows from what goes in."""
    model = settings[0]
    data = fingerprints.of_rows(labelled_rows(warehouse, model))
    cutoff, as_of = training_cutoff(warehouse, model), warehouse.as_of()
    return [
        new_run(each, data=data, cutoff=cutoff, as_of=as_of, run_id=run_id, now=now)
        for each in settings
    ]


def new_run(
    model: ModelSettings,
    *,
    data: str,
    cutoff: datetime | None,
    as_of: datetime,
    run_id: str,
    now: datetime,
    status: str = "trained",
    name: str | None = None,
) -> ModelRun:
    """Returns the row of a candidate before its training, with the version of what goes in.

    Args:
        model: Settings of the candidate.
        data: Fingerprint of the rows.
        cutoff: The cut; None when nothing has a known outcome yet.
        as_of: The moment it is trained for.
        run_id: Name of the run.
        now: Moment for `trained_at`, UTC.
        status: What becomes of it.
        name: What the version is derived from beside; by default the model's name.
    """
    estimator = estimators.build(model).named_steps["estimator"]
    config, code = fingerprints.of_settings(model), fingerprints.of_code()
    return ModelRun(
        run_id=run_id,
        model_name=model.name,
        model_version=fingerprints.model_version(name or model.name, data, config, code),
        status=status,
        reason=None,
        estimator=type(estimator).__name__,
        train_entity_count=0,
        test_entity_count=0,
        train_row_count=0,
        test_row_count=0,
        train_from_at=None,
        cutoff_at=cutoff,
        as_of=as_of,
        data_fingerprint=data,
        config_fingerprint=config,
        code_fingerprint=code,
        artifact_path=None,
        artifact_sha256=None,
        trained_at=now,
    )


def _skip(run: ModelRun, warehouse: Warehouse, reason: str) -> Trained:
    run = dataclasses.replace(run, status="skipped", reason=reason, model_version=None)
    newest = next(iter(decisions(warehouse, run.model_name)), [])
    unchanged = newest == [
        dataclasses.replace(run, run_id=each.run_id, trained_at=each.trained_at) for each in newest
    ]
    if not newest or not unchanged:
        add_run(warehouse, run)
    return Trained(run, [], "skipped")


def too_few(rows: pa.Table, model: ModelSettings, cutoff: datetime) -> str | None:
    """Says why the rows do not suffice to train a model; None when they do."""
    entities = rows.group_by("entity_id").aggregate([("label", "min")])
    count = entities.num_rows
    positive = int(pc.sum(entities.column("label_min").cast("int64")).as_py() or 0)
    by = f"with an outcome known by the cut ({cutoff:%Y-%m-%d})"
    if count < model.split.min_entities:
        return f"{count} {model.entity}s {by}, {model.split.min_entities} are needed"
    rarer = min(positive, count - positive)
    if rarer < model.split.min_rarer_class:
        value = str(positive <= count - positive).lower()
        return (
            f"{rarer} of {count} {model.entity}s {by} have {model.label} = {value},"
            f" {model.split.min_rarer_class} are needed"
        )
    return None


def with_training(run: ModelRun, rows: pa.Table) -> ModelRun:
    """Returns the row with the counts of what it is trained on."""
    return dataclasses.replace(
        run,
        train_entity_count=len(np.unique(rows.column("entity_id").to_numpy())),
        train_row_count=rows.num_rows,
        train_from_at=pc.min(rows.column("launched_at")).as_py(),
    )


def with_test(run: ModelRun, rows: pa.Table) -> ModelRun:
    """Returns the row with the counts of what it is tested on."""
    return dataclasses.replace(
        run,
        test_entity_count=len(np.unique(rows.column("entity_id").to_numpy())),
        test_row_count=rows.num_rows,
    )


def _store(
    model: ModelSettings,
    run: ModelRun,
    fitted: FittedModel,
    found: Assessment,
    warehouse: Warehouse,
    models: Path,
) -> ModelRun:
    """Writes the model's folder and returns its row with the path and the digest."""
    content = artifacts.dump(fitted)
    folder = artifacts.folder_of(models, model.name, str(run.model_version))
    run = dataclasses.replace(
        run,
        artifact_path=(folder.relative_to(models.parent) / artifacts.MODEL_FILE).as_posix(),
        artifact_sha256=artifacts.digest(content),
    )
    artifacts.store(
        folder,
        content,
        manifest=_manifest(model, run, column_types(warehouse, model)),
        metrics=[metric._asdict() for metric in found.metrics],
    )
    return run


def _manifest(model: ModelSettings, run: ModelRun, types: dict[str, str]) -> dict[str, Any]:
    """Returns what people need to know about the file; nothing is ever decided by it."""
    features = [
        {"name": name, "kind": kind, "type": types[name]}
        for kind, names in asdict(model.features).items()
        for name in names
    ]
    return {
        **asdict(run),
        "entity": model.entity,
        "label": model.label,
        "hyperparameters": model.hyperparameters,
        "seed": model.seed,
        "split": asdict(model.split),
        "features": features,
        "libraries": fingerprints.libraries(),
    }
