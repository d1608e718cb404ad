"""Stage `monitor`: have the features moved between the training window and now?"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml import drift
from ml.predict import model_in_use
from ml.settings import ModelSettings
from ml.warehouse import ModelRun, Warehouse


class Statistic(NamedTuple):
    """One figure about one feature at one clock; a threshold of None marks a mere test."""

    feature: str
    clock: str
    statistic: str
    value: float | None
    threshold: float | None
    p_value: float
    adjusted_p_value: float
    reference_count: int
    current_count: int
    is_alert: bool


class Window(NamedTuple):
    """How many projects were compared at one clock."""

    clock: str
    reference_count: int
    current_count: int
    is_compared: bool


class Monitored(NamedTuple):
    """What one model's features did."""

    run: ModelRun
    windows: list[Window]
    statistics: list[Statistic]


class _Feature(NamedTuple):
    name: str
    clock: str
    figures: list[tuple[str, float | None, float | None]]  # statistic, value, threshold
    p_value: float
    window: Window


def monitor(model: ModelSettings, warehouse: Warehouse, *, run_id: str, now: datetime) -> Monitored:
    """Compares like with like: one row per project, the same kind of snapshot in both windows.

    The reference is what was seen from the first launch in training to the cut; the current window
    is the last `window_days`, or as far back (never behind the cut) as `min_entities` take it.
    Every feature has one test (Kolmogorov-Smirnov, or chi-square for categories), adjusted over
    all features and clocks of the model; an alert needs that evidence and a relevant shift.

    Raises:
        MlError: There is no model for this warehouse, or a column is missing.
    """
    run = model_in_use(model, warehouse)
    if run.status != "trained":
        return Monitored(run, [], [])
    warehouse.check_inputs(model, model.features)
    windows, features = [], []
    for clock in model.drift.clocks:
        reference, current = _samples(model, warehouse, run, clock)
        fewest = min(reference.num_rows, current.num_rows)
        window = Window(
            clock, reference.num_rows, current.num_rows, fewest >= model.drift.min_entities
        )
        windows.append(window)
        if window.is_compared:
            features += _compare(model, window, reference, current)
    statistics = _judge(model, features)
    _add(warehouse, run, statistics, run_id, warehouse.as_of(), now)
    return Monitored(run, windows, statistics)


def _samples(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, clock: str
) -> tuple[pa.Table, pa.Table]:
    as_of = warehouse.as_of()
    assert run.train_from_at is not None
    assert run.cutoff_at is not None
    before = run.train_from_at - timedelta(microseconds=1)
    reference = warehouse.clock_rows(model, clock, before, run.cutoff_at)
    recent = warehouse.clock_rows(model, clock, run.cutoff_at, as_of)
    taken = np.sort(recent.column("snapshot_at").to_numpy())
    start = np.datetime64(as_of - timedelta(days=model.drift.window_days), "us")
    if len(taken):
        start = min(start, taken[-min(model.drift.min_entities, len(taken))])
    return reference, recent.filter(pc.greater_equal(recent.column("snapshot_at"), start))


def _compare(
    model: ModelSettings, window: Window, reference: pa.Table, current: pa.Table
) -> list[_Feature]:
    settings, found = model.drift, []
    for name in model.features.names:
        before, after = reference.column(name), current.column(name)
        figures: list[tuple[str, float | None, float | None]] = []
        if name in model.features.numeric:
            numbers = before.to_numpy(), after.to_numpy()
            bins = drift.bin_numbers(*numbers)
            shift = drift.relative_mean_shift(*numbers)
            figures.append(("relative_mean_shift", shift, settings.mean_shift_threshold))
            kind, test = "ks", drift.kolmogorov_smirnov(*numbers)
        else:
            bins = drift.bin_texts(before.to_pylist(), after.to_pylist())
            kind, test = "chi_square", drift.chi_square(*bins)
        index = drift.population_stability_index(*bins)
        figures += [("psi", index, settings.psi_threshold), (kind, test.value, None)]
        found.append(_Feature(name, window.clock, figures, test.p_value, window))
    return found


def _judge(model: ModelSettings, features: list[_Feature]) -> list[Statistic]:
    if not features:
        return []
    p_values = np.array([feature.p_value for feature in features], dtype=np.float64)
    watched = np.array([feature.name not in model.drift.report_only for feature in features])
    adjusted = np.ones(len(features))
    # Apart: features that are sure to move would ease the adjusted test of all the others.
    for family in (watched, ~watched):
        adjusted[family] = drift.adjust(p_values[family])
    judged = []
    for feature, is_watched, evidence in zip(features, watched, adjusted, strict=True):
        is_evident = bool(is_watched and evidence <= model.drift.significance)
        for statistic, value, threshold in feature.figures:
            is_relevant = value is not None and threshold is not None and abs(value) > threshold
            judged.append(
                Statistic(
                    feature=feature.name,
                    clock=feature.clock,
                    statistic=statistic,
                    value=value,
                    threshold=threshold,
                    p_value=feature.p_value,
                    adjusted_p_value=float(evidence),
                    reference_count=feature.window.reference_count,
                    current_count=feature.window.current_count,
                    is_alert=is_evident and is_relevant,
                )
            )
    return judged


def _add(
    warehouse: Warehouse,
    run: ModelRun,
    statistics: list[Statistic],
    run_id: str,
    as_of: datetime,
    now: datetime,
) -> None:
    if not statistics:
        return
    columns = {name: [getattr(row, name) for row in statistics] for name in Statistic._fields}
    result = {"model_name": run.model_name, "model_version": run.model_version, "as_of": as_of}
    # The key is the whole result: a changed threshold gives new rows, a repeated run gives none.
    key = (*result, *columns)
    result |= {"run_id": run_id, "measured_at": now}
    rows = pa.table(columns | {name: [value] * len(statistics) for name, value in result.items()})
    warehouse.add("drift_stats", rows, key=key)
