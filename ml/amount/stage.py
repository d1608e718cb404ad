"""Stage `amount`: how much each live project will have raised by its deadline."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ml.amount import baselines, intervals, measures, records, rows
from ml.amount.measures import Measure
from ml.amount.records import AmountRun
from ml.amount.rows import snapshots
from ml.amount.settings import NAME, AmountSettings, as_model
from ml.context import RunContext
from ml.modeling import fingerprints
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


class _Data(NamedTuple):
    """What goes into a run: closed by the cut, launched later, live."""

    training: pa.Table
    test: pa.Table
    live: pa.Table


def run(
    settings: AmountSettings, project: ModelSettings, warehouse: Warehouse, context: RunContext
) -> Found:
    """Learns from campaigns closed by the cut, measures on later launches, predicts what is live.

    All rows of a run, or none, are added; an unchanged run adds none. The run made last for this
    `as_of` counts as a whole.

    Args:
        settings: Of the intervals.
        project: The model of projects, whose cut and sampling are used.
        warehouse: Open for writing.
        context: The run.

    Raises:
        WarehouseError: An input column is missing or of another kind.
    """
    model = as_model(settings, project, feature_catalogue(warehouse)["project"])
    check_inputs(warehouse, model, model.features)
    warehouse.require("core.dim_projects", "deadline_at")
    warehouse.require("features.project_features", *_NEEDED, needed_by=NAME)
    cutoff = first_measured(rolling_cuts(warehouse, model))
    planned, data = _planned(model, warehouse, cutoff)
    if planned.status == "skipped":
        if records.newest(warehouse) != planned:
            records.add_run(warehouse, planned, context)
        return Found(planned, False, [], _live_count(data.live), 0)
    return _made(settings, model, planned, data, warehouse, context)


def _made(
    settings: AmountSettings,
    model: ModelSettings,
    planned: AmountRun,
    data: _Data,
    warehouse: Warehouse,
    context: RunContext,
) -> Found:
    """Makes the intervals, unless this version has made them for this `as_of` before."""
    live_count = _live_count(data.live)
    before = records.made_before(warehouse, str(planned.model_version))
    if before is not None:
        if records.newest(warehouse) != before:
            records.add_run(warehouse, before, context)
        return Found(before, True, [], live_count, 0)
    training, test, live = (snapshots(each, model.features) for each in data)
    fitted = intervals.fit(training, model.features, settings, model.seed)
    missing = ", ".join(intervals.not_calibrated(fitted))
    planned = replace(planned, without_intervals=missing or None)
    measured: list[Measure] = []
    if len(test.kind):
        predicted = {
            measures.MODEL: intervals.predict(fitted, test),
            **baselines.predictors(training, test),
        }
        measured = measures.measure(test, predicted)
        state = measures.skill_state(test, predicted, model.split.min_entities)
        planned = replace(planned, skill_state=state)
    with warehouse.transaction():
        records.add_run(warehouse, planned, context)
        records.add_measures(warehouse, planned, measured, context)
        made = 0
        if len(live.kind):
            ends = intervals.predict(fitted, live)
            made = records.add_predictions(warehouse, planned, data.live, live, ends, context)
    return Found(planned, False, measured, live_count, made)


def _planned(
    model: ModelSettings, warehouse: Warehouse, cutoff: datetime | None
) -> tuple[AmountRun, _Data]:
    """Returns the row of the run as far as it is known before anything is fitted."""
    reach = cutoff or warehouse.as_of()
    data = _Data(
        training_rows(warehouse, model, reach, open_only=False),
        holdout_rows(warehouse, model, reach),
        rows.live_rows(warehouse, model),
    )
    folder = Path(__file__).parent
    parts = {
        "data_fingerprint": [fingerprints.of_rows(each.to_reader()) for each in data],
        "config_fingerprint": [fingerprints.of_settings(model)],
        "code_fingerprint": [fingerprints.of_code(folder), fingerprints.of_code()],
    }
    digests = {name: "/".join(each[:16] for each in found) for name, found in parts.items()}
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
        **digests,
    ), data


def _live_count(live: pa.Table) -> int:
    return len(np.unique(live.column("project_id").to_numpy()))
