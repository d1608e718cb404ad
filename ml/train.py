"""Stage `train`: one model per entry of `models.toml`, unless it exists or the data are too few."""

import dataclasses
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.pipeline import Pipeline

from ml import artifacts, estimators, evaluation, fingerprints
from ml.evaluation import Metric, ScoredRows
from ml.settings import ModelSettings, Split
from ml.warehouse import ModelRun, Warehouse


class Trained(NamedTuple):
    """What became of one model: its row, its metrics if it was trained just now."""

    run: ModelRun
    metrics: list[Metric]
    note: str


class _Support(NamedTuple):
    entity_count: int
    rarer_count: int
    rarer_class: bool


def train(
    model: ModelSettings, warehouse: Warehouse, models: Path, *, run_id: str, now: datetime
) -> Trained:
    """Trains at a cut and measures on what came later; that very model is the one in use.

    A model refitted on everything mature would know more, but nobody has measured it.

    Raises:
        MlError: An input column is missing or of another kind, or a hyperparameter is wrong.
    """
    estimator = estimators.build(model).named_steps["estimator"]
    warehouse.check_inputs(model, model.features)
    cutoff = warehouse.cutoff(model)
    run = ModelRun(
        run_id=run_id,
        model_name=model.name,
        model_version=None,
        status="skipped",
        reason=None,
        estimator=type(estimator).__name__,
        train_entity_count=0,
        test_entity_count=0,
        train_row_count=0,
        test_row_count=0,
        train_from_at=None,
        cutoff_at=cutoff,
        as_of=warehouse.as_of(),
        data_fingerprint=fingerprints.of_rows(warehouse.labelled_rows(model)),
        config_fingerprint=fingerprints.of_settings(model),
        code_fingerprint=fingerprints.of_code(),
        artifact_path=None,
        artifact_sha256=None,
        trained_at=now,
    )
    version = fingerprints.model_version(
        model.name, run.data_fingerprint, run.config_fingerprint, run.code_fingerprint
    )
    recorded = warehouse.newest_run(model.name, version=version)
    damage = artifacts.damage(models, recorded) if recorded else None
    if recorded and not damage:
        return _take_up(recorded, run, warehouse)
    if cutoff is None:
        return _skip(run, warehouse, f"no {model.entity} has a known outcome yet")
    rows = warehouse.training_rows(model, cutoff)
    support = _support(rows)
    run = _with_training(run, rows, support)
    reason = _too_few(support, model.entity, model.label, model.split, cutoff)
    if reason:
        return _skip(run, warehouse, reason)
    run = dataclasses.replace(run, status="trained", model_version=version)
    trained = _fit_and_store(model, run, rows, warehouse, models)
    return trained._replace(note=f"{damage}: it was put aside and made anew") if damage else trained


def _take_up(recorded: ModelRun, run: ModelRun, warehouse: Warehouse) -> Trained:
    """Uses a version that exists; adds a row only if another one was in use, or a later moment."""
    newest = warehouse.newest_run(run.model_name)
    in_use = newest is not None and newest.model_version == recorded.model_version
    if in_use and newest is not None and newest.as_of <= run.as_of:
        return Trained(newest, [], "up to date")
    again = dataclasses.replace(
        recorded, run_id=run.run_id, as_of=run.as_of, trained_at=run.trained_at
    )
    warehouse.add_run(again)
    return Trained(again, [], "trained before, in use again")


def _skip(run: ModelRun, warehouse: Warehouse, reason: str) -> Trained:
    run = dataclasses.replace(run, reason=reason)
    newest = warehouse.newest_run(run.model_name)
    unchanged = newest is not None and run == dataclasses.replace(
        newest, run_id=run.run_id, as_of=run.as_of, trained_at=run.trained_at
    )
    if not unchanged:
        warehouse.add_run(run)
    return Trained(run, [], "skipped")


def _support(rows: pa.Table) -> _Support:
    entities = rows.group_by("entity_id").aggregate([("label", "min")])
    positive = int(pc.sum(entities.column("label_min").cast("int64")).as_py() or 0)
    negative = entities.num_rows - positive
    return _Support(entities.num_rows, min(positive, negative), positive <= negative)


def _too_few(
    support: _Support, entity: str, label: str, split: Split, cutoff: datetime
) -> str | None:
    by = f"with an outcome known by the cut ({cutoff:%Y-%m-%d})"
    if support.entity_count < split.min_entities:
        return f"{support.entity_count} {entity}s {by}, {split.min_entities} are needed"
    if support.rarer_count < split.min_rarer_class:
        rarer = str(support.rarer_class).lower()
        return (
            f"{support.rarer_count} of {support.entity_count} {entity}s {by} have {label} ="
            f" {rarer}, {split.min_rarer_class} are needed"
        )
    return None


def _with_training(run: ModelRun, rows: pa.Table, support: _Support) -> ModelRun:
    return dataclasses.replace(
        run,
        train_entity_count=support.entity_count,
        train_row_count=rows.num_rows,
        train_from_at=pc.min(rows.column("launched_at")).as_py(),
    )


def _fit_and_store(
    model: ModelSettings, run: ModelRun, rows: pa.Table, warehouse: Warehouse, models: Path
) -> Trained:
    assert run.cutoff_at is not None
    pipeline = estimators.fit(model, rows)
    tested, entity_count = _score(pipeline, warehouse.test_rows(model, run.cutoff_at))
    metrics = evaluation.measure(tested, resamples=model.bootstrap_resamples, seed=model.seed)
    content = artifacts.dump(pipeline)
    folder = artifacts.folder_of(models, model.name, str(run.model_version))
    run = dataclasses.replace(
        run,
        test_entity_count=entity_count,
        test_row_count=len(tested.label),
        artifact_path=(folder.relative_to(models.parent) / artifacts.MODEL_FILE).as_posix(),
        artifact_sha256=artifacts.digest(content),
    )
    artifacts.store(
        folder,
        content,
        manifest=_manifest(model, run, warehouse.column_types(model)),
        metrics=[metric._asdict() for metric in metrics],
    )
    with warehouse.transaction():
        warehouse.add_run(run)
        _add_metrics(warehouse, run, metrics)
    return Trained(run, metrics, "")


def _score(pipeline: Pipeline, batches: pa.RecordBatchReader) -> tuple[ScoredRows, int]:
    parts, entities = [], []
    for batch in batches:
        part = ScoredRows(
            project_id=batch.column("project_id").to_numpy(),
            snapshot_kind=np.array(batch.column("snapshot_kind").to_pylist(), dtype="U16"),
            is_decided=batch.column("is_decided").to_numpy(zero_copy_only=False).astype(bool),
            label=batch.column("label").to_numpy(zero_copy_only=False).astype(bool),
            probability=estimators.score(pipeline, batch),
        )
        parts.append(part)
        entities.append(pc.unique(batch.column("entity_id")).to_numpy())
    if not parts:
        empty = np.zeros(0)
        return ScoredRows(*(empty.astype(kind) for kind in ("i8", "U16", "?", "?", "f8"))), 0
    merged = ScoredRows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return merged, len(np.unique(np.concatenate(entities)))


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


def _add_metrics(warehouse: Warehouse, run: ModelRun, metrics: list[Metric]) -> None:
    if not metrics:
        return
    columns = {name: [getattr(metric, name) for metric in metrics] for name in Metric._fields}
    owner = {
        "run_id": run.run_id,
        "model_name": run.model_name,
        "model_version": run.model_version,
        "measured_at": run.trained_at,
    }
    rows = pa.table(columns | {name: [value] * len(metrics) for name, value in owner.items()})
    key = ("model_name", "model_version", "split", "snapshot_kind", "metric")
    warehouse.add("model_metrics", rows, key=key)
