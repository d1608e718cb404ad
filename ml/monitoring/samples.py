"""What is compared with what: one row per project, then and since, of one snapshot kind."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.modeling.registry import ModelRun
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

Timestamps = npt.NDArray[np.datetime64]

PREDICTION = "predicted_probability"
# in the place of a snapshot kind, for labels: the label window of a cohort is over
MATURED = "matured"

# The milestones of a project share most features: one row per project keeps rows independent.
ONE_PER_PROJECT = {"project": "true", "milestone": "features.milestone_number = 1"}
MATURED_LABELS = {
    "project": """
        select project_id, {label} as label, label_window_ends_at as known_at
        from features.project_labels""",
    "milestone": """
        select milestones.project_id, labels.{label} as label,
            labels.label_window_ends_at as known_at
        from features.milestone_labels as labels
        inner join core.fct_milestones as milestones
            on labels.milestone_id = milestones.milestone_id and milestones.milestone_number = 1""",
}


class Sample(NamedTuple):
    """Rows of one snapshot kind, one per project.

    Attributes:
        snapshot_kind: As in the features, or `matured`.
        numbers: Names of the columns that are numbers; the others are categories or yes and no.
        reference: Columns of what is compared with.
        recent: Columns of what came later, in order of `known_at`.
        known_at: When each recent row was taken, or its label matured, shape (rows,).
        reference_count: How many rows the reference has.
    """

    snapshot_kind: str
    numbers: tuple[str, ...]
    reference: dict[str, Any]
    recent: dict[str, Any]
    known_at: Timestamps
    reference_count: int

    def window(self, until: datetime, days: int, min_rows: int) -> slice:
        """Returns which recent rows were taken in the last `days`, or are the last `min_rows`."""
        return recent_rows(self.known_at, until, days, min_rows)


def recent_rows(known_at: Timestamps, until: datetime, days: int, min_rows: int) -> slice:
    """Returns which rows were known in the last `days`, or are the last `min_rows`."""
    end = int(np.searchsorted(known_at, np.datetime64(until), side="right"))
    since = np.datetime64(until - timedelta(days=days))
    start = int(np.searchsorted(known_at, since, side="left"))
    return slice(min(start, max(0, end - min_rows)), end)


def read_samples(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, as_of: datetime
) -> Iterator[Sample]:
    """Reads, for each snapshot kind, features and predictions, and the labels of matured cohorts.

    Features and labels are compared with the training window. Predictions are compared with the
    first window of them after the cut: a model is surer of what it has learned from.
    """
    for kind in model.drift.snapshot_kinds:
        yield _features(model, warehouse, run, kind, as_of)
        yield _predictions(model, warehouse, run, kind, as_of)
    yield _labels(model, warehouse, run, as_of)


def _features(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, kind: str, as_of: datetime
) -> Sample:
    columns = [f"cast(features.{name} as double) as {name}" for name in model.features.numeric]
    columns += [f"features.{name}" for name in model.features.categorical]
    sql = f"""
        select features.snapshot_at as known_at, {", ".join(columns)}
        from features.{model.entity}_features as features
        where features.snapshot_kind = $kind
            and features.snapshot_at > $after and features.snapshot_at <= $until
            and {ONE_PER_PROJECT[model.entity]}
        {_sampled(model, "features.project_id")}"""
    assert run.train_from_at is not None
    before = run.train_from_at - timedelta(microseconds=1)
    reference = warehouse.read(sql, kind=kind, after=before, until=run.cutoff_at).read_all()
    recent = warehouse.read(sql, kind=kind, after=run.cutoff_at, until=as_of).read_all()
    return _sample(kind, model.features.numeric, reference, recent)


def _predictions(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, kind: str, as_of: datetime
) -> Sample:
    sql = f"""
        select predictions.snapshot_at as known_at,
            predictions.predicted_probability as {PREDICTION}
        from intermediate.int_predictions_current as predictions
        inner join features.{model.entity}_features as features
            on predictions.entity_id = features.{model.entity}_id
            and predictions.snapshot_kind = features.snapshot_kind
        where predictions.model_name = $name and predictions.model_version = $version
            and predictions.origin = 'batch' and predictions.snapshot_kind = $kind
            and not predictions.is_decided
            and predictions.snapshot_at > $after and predictions.snapshot_at <= $until
            and {ONE_PER_PROJECT[model.entity]}
        {_sampled(model, "features.project_id")}"""
    found = warehouse.read(
        sql,
        name=model.name,
        version=run.model_version,
        kind=kind,
        after=run.cutoff_at,
        until=as_of,
    ).read_all()
    found = found.sort_by("known_at")
    assert run.cutoff_at is not None
    complete_at = run.cutoff_at + _lag(model, warehouse, run, kind)
    known_at = found.column("known_at").to_numpy()
    start, end = (
        int(np.searchsorted(known_at, np.datetime64(timestamp), side="right"))
        for timestamp in (complete_at, complete_at + timedelta(days=model.drift.window_days[0]))
    )
    end = max(end, min(start + model.drift.min_entities, len(known_at)))
    return _sample(kind, (PREDICTION,), found.slice(start, end - start), found.slice(end))


def _lag(model: ModelSettings, warehouse: Warehouse, run: ModelRun, kind: str) -> timedelta:
    """Returns how long after its launch nearly every project has this snapshot, if it ever does.

    Sooner after the cut only the quick ones have: they would be compared with all.
    """
    rows = warehouse.fetch(
        f"""select percentile_disc(0.99) within group (
            order by epoch_us(features.snapshot_at) - epoch_us(projects.launched_at))
        from features.{model.entity}_features as features
        inner join core.dim_projects as projects on features.project_id = projects.project_id
        where features.snapshot_kind = $kind and features.snapshot_at <= $until
            and {ONE_PER_PROJECT[model.entity]}""",
        kind=kind,
        until=run.cutoff_at,
    )
    return timedelta(microseconds=rows[0][0] or 0)


def _labels(model: ModelSettings, warehouse: Warehouse, run: ModelRun, as_of: datetime) -> Sample:
    matured = MATURED_LABELS[model.entity].format(label=model.label)
    sql = f"""
        select known_at, label as {model.label} from ({matured}) as matured
        where label is not null and known_at > $after and known_at <= $until
        {_sampled(model, "project_id")}"""
    assert run.train_from_at is not None
    read = warehouse.read
    reference = read(sql, after=run.train_from_at, until=run.cutoff_at).read_all()
    recent = read(sql, after=run.cutoff_at, until=as_of).read_all()
    return _sample(MATURED, (), reference, recent)


def _sampled(model: ModelSettings, project: str) -> str:
    """Bounds the rows by a sample of projects that does not depend on the order of rows."""
    return (
        f"order by md5(cast({project} as varchar) || '/{model.seed}')"
        f" limit {model.split.max_train_projects}"
    )


def _sample(kind: str, numbers: tuple[str, ...], reference: pa.Table, recent: pa.Table) -> Sample:
    recent = recent.sort_by("known_at")
    return Sample(
        snapshot_kind=kind,
        numbers=numbers,
        reference=_columns(reference.drop_columns("known_at"), numbers),
        recent=_columns(recent.drop_columns("known_at"), numbers),
        known_at=recent.column("known_at").to_numpy(),
        reference_count=reference.num_rows,
    )


def _columns(table: pa.Table, numbers: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: table.column(name).to_numpy() if name in numbers else table.column(name).to_pylist()
        for name in table.column_names
    }
