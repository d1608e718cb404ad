"""Stage `amount`: how much each live project will have raised by its deadline."""

from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ml.amount import baselines, intervals, measures, records, rows
from ml.amount.intervals import Intervals
from ml.amount.measures import Measure
from ml.amount.records import AmountRun
from ml.amount.rows import snapshots
from ml.amount.settings import NAME, AmountSettings, as_model
from ml.context import RunContext
from ml.modeling import artifacts, fingerprints
from ml.modeling.rows import (
    check_inputs,
    feature_catalogue,
    first_measured,
    holdout_rows,
    rolling_cuts,
    training_rows,
)
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

_NEEDED = ("funding_goal", "pledged_amount", "elapsed_ratio")


class Found(NamedTuple):
    """What the stage did.

    Attributes:
        is_known: This very run was made before, and its rows are there.
        measured: What the intervals and baselines are worth; empty when nothing was measured.
        live_count: Live projects.
        interval_count: Of these, those with an interval.
    """

    run: AmountRun
    is_known: bool
    measured: list[Measure]
    live_count: int
    interval_count: int


class _Made(NamedTuple):
    """What was fitted and what it is worth, in this run or an earlier one."""

    run: AmountRun
    intervals: Intervals
    measured: list[Measure]


class _Data(NamedTuple):
    """What goes into a run: closed by the cut, launched later, live."""

    training: pa.Table
    test: pa.Table
    live: pa.Table


def run(
    settings: AmountSettings,
    project: ModelSettings,
    warehouse: Warehouse,
    context: RunContext,
    *,
    models: Path,
) -> Found:
    """Learns from campaigns closed by the cut, measures on later launches, predicts what is live.

    All rows of a run, or none, are added; an unchanged run adds none. The run made last for this
    `as_of` counts as a whole. What was fitted and measured before is not fitted and measured again.

    Args:
        settings: Of the intervals.
        project: The model of projects, whose cut and sampling are used.
        warehouse: Open for writing.
        context: The run.
        models: Folder of the model files.

    Raises:
        WarehouseError: An input column is missing or of another kind.
    """
    model = as_model(settings, project, feature_catalogue(warehouse)["project"])
    check_inputs(warehouse, model, model.features)
    warehouse.require("core.dim_projects", "deadline_at")
    warehouse.require("features.project_features", *_NEEDED, needed_by=NAME)
    cutoff = first_measured(rolling_cuts(warehouse, model))
    planned, data = _planned(model, warehouse, cutoff, models)
    if planned.status == "skipped":
        if records.newest(warehouse) != planned:
            records.add_run(warehouse, planned, context)
        return Found(planned, False, [], _live_count(data.live), 0)
    live_count = _live_count(data.live)
    before = records.made_before(warehouse, str(planned.model_version))
    if before is not None:
        if records.newest(warehouse) != before:
            records.add_run(warehouse, before, context)
        return Found(before, True, [], live_count, 0)
    made = _fitted_before(planned, warehouse, models) or _fitted(
        settings, model, planned, data, models
    )
    live = snapshots(data.live, model.features)
    with warehouse.transaction():
        records.add_run(warehouse, made.run, context)
        records.add_measures(warehouse, made.run, made.measured, context)
        count = 0
        if len(live.kind):
            ends = intervals.predict(made.intervals, live)
            count = records.add_predictions(warehouse, made.run, data.live, live, ends, context)
    return Found(made.run, False, made.measured, live_count, count)


def _fitted_before(planned: AmountRun, warehouse: Warehouse, models: Path) -> _Made | None:
    """Returns what an earlier run fitted to these rows, if its file is whole."""
    before = records.fitted_before(warehouse, str(planned.artifact_path))
    if before is None:
        return None
    try:
        known = artifacts.load_file(
            models.parent / str(before.artifact_path), before.artifact_sha256
        )
    except artifacts.ArtifactError:
        return None
    same = ("without_intervals", "skill_state", "artifact_sha256")
    run = replace(planned, **{name: getattr(before, name) for name in same})
    return _Made(run, known, records.measures_of(warehouse, before))


def _fitted(
    settings: AmountSettings, model: ModelSettings, planned: AmountRun, data: _Data, models: Path
) -> _Made:
    """Fits, measures, and keeps the file."""
    training, test = (snapshots(each, model.features) for each in (data.training, data.test))
    fitted = intervals.fit(training, model.features, settings, model.seed)
    content = artifacts.dump(fitted)
    missing = ", ".join(intervals.not_calibrated(fitted))
    run = replace(
        planned, without_intervals=missing or None, artifact_sha256=artifacts.digest(content)
    )
    measured: list[Measure] = []
    if len(test.kind):
        predicted = {
            measures.MODEL: intervals.predict(fitted, test),
            **baselines.predictors(training, test),
        }
        measured = measures.measure(test, predicted)
        state = measures.skill_state(test, predicted, model.split.min_entities)
        run = replace(run, skill_state=state)
    artifacts.store(
        (models.parent / str(run.artifact_path)).parent,
        content,
        manifest={**asdict(run), **settings.model_dump(), "libraries": fingerprints.libraries()},
        metrics=[each._asdict() for each in measured],
    )
    return _Made(run, fitted, measured)


def _planned(
    model: ModelSettings, warehouse: Warehouse, cutoff: datetime | None, models: Path
) -> tuple[AmountRun, _Data]:
    """Returns the row of the run as far as it is known before anything is fitted."""
    reach = cutoff or warehouse.as_of()
    data = _Data(
        training_rows(warehouse, model, reach, open_only=False),
        holdout_rows(warehouse, model, reach),
        rows.live_rows(warehouse, model),
    )
    parts = {
        "data_fingerprint": [fingerprints.of_rows(warehouse, each) for each in data],
        "config_fingerprint": [fingerprints.of_settings(model)],
        "code_fingerprint": [fingerprints.of_code(Path(__file__).parent), fingerprints.of_code()],
    }
    digests = {name: "/".join(each[:16] for each in found) for name, found in parts.items()}
    of_fit = digests | {"data_fingerprint": digests["data_fingerprint"].rsplit("/", 1)[0]}
    folder = artifacts.folder_of(models, NAME, fingerprints.model_version(NAME, *of_fit.values()))
    path = (folder.relative_to(models.parent) / artifacts.MODEL_FILE).as_posix()
    counts = [len(np.unique(each.column("project_id").to_numpy())) for each in data]
    reason = None
    if cutoff is None:
        reason = "no project has a known outcome to learn from yet"
    elif counts[0] < model.split.min_entities:
        reason = (
            f"{counts[0]} projects with a final total known by the cut ({cutoff:%Y-%m-%d}),"
            f" {model.split.min_entities} are needed"
        )
    return AmountRun(
        model_version=None if reason else fingerprints.model_version(NAME, *digests.values()),
        status="skipped" if reason else "trained",
        reason=reason,
        as_of=warehouse.as_of(),
        cutoff_at=cutoff,
        train_project_count=counts[0],
        test_project_count=counts[1],
        without_intervals=None,
        skill_state=None,
        artifact_path=None if reason else path,
        **digests,
    ), data


def _live_count(live: pa.Table) -> int:
    return len(np.unique(live.column("project_id").to_numpy()))
