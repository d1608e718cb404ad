"""The rows of versions before their training, and whether there is enough to train on."""

import dataclasses
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.context import RunContext
from ml.modeling import estimators, fingerprints
from ml.modeling.registry import ModelRun
from ml.modeling.rows import labelled_digest
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


def planned_runs(
    model: ModelSettings, warehouse: Warehouse, context: RunContext, cutoff: datetime | None
) -> list[ModelRun]:
    """Returns one row per candidate, with the version that follows from what goes in."""
    data = labelled_digest(warehouse, model)
    as_of = warehouse.as_of()
    return [
        new_run(each, context, data=data, cutoff=cutoff, as_of=as_of) for each in model.candidates()
    ]


def new_run(
    model: ModelSettings,
    context: RunContext,
    *,
    data: str,
    cutoff: datetime | None,
    as_of: datetime,
    status: str = "trained",
    name: str | None = None,
) -> ModelRun:
    """Returns the row of a candidate before its training, with the version of what goes in.

    Args:
        model: Settings of the candidate.
        context: The run.
        data: Fingerprint of the rows.
        cutoff: The cut; None when nothing has a known outcome yet.
        as_of: The timestamp it is trained for.
        status: As in the table.
        name: What the version is derived from beside; by default the model's name.
    """
    config, code = fingerprints.of_settings(model), fingerprints.of_code()
    return ModelRun(
        run_id=context.run_id,
        model_name=model.name,
        model_version=fingerprints.model_version(name or model.name, data, config, code),
        status=status,
        reason=None,
        estimator=estimators.class_name(model),
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
        trained_at=context.now,
    )


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


def skip_reason(rows: pa.Table, model: ModelSettings, cutoff: datetime) -> str | None:
    """Returns why the rows do not suffice to train a model; None when they do."""
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
