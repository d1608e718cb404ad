"""What is compared with what: one row per project, then and since, at one clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.modeling.registry import ModelRun
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

Integers = npt.NDArray[np.int64]
Moments = npt.NDArray[np.datetime64]

PREDICTION = "predicted_probability"
MATURED = "matured"  # the clock of labels: when the label window of a cohort is over

# The milestones of a project share most features: one row per project keeps rows independent.
_ONE_PER_PROJECT = {"project": "true", "milestone": "features.milestone_number = 1"}
_MATURED = {
    "project": """
        select project_id, {label} as label, label_window_ends_at as moment
        from features.project_labels""",
    "milestone": """
        select milestones.project_id, labels.{label} as label,
            labels.label_window_ends_at as moment
        from features.milestone_labels as labels
        inner join core.fct_milestones as milestones
            on labels.milestone_id = milestones.milestone_id and milestones.milestone_number = 1""",
}


class Sample(NamedTuple):
    """Rows of one clock, one per project.

    Attributes:
        clock: Kind of snapshot, or `matured`.
        numbers: Names of the columns that are numbers; the others are categories or yes and no.
        reference: Columns of what is compared with.
        recent: Columns of what came later, in order of their moments.
        moments: When each recent row was taken, shape (rows,).
        reference_projects: Whose the reference rows are.
        recent_projects: Whose the recent rows are.
    """

    clock: str
    numbers: tuple[str, ...]
    reference: dict[str, Any]
    recent: dict[str, Any]
    moments: Moments
    reference_projects: Integers
    recent_projects: Integers

    def window(self, until: datetime, days: int, fewest: int) -> slice:
        """Returns which recent rows were taken in the last `days`, or are the last `fewest`."""
        end = int(np.searchsorted(self.moments, np.datetime64(until), side="right"))
        since = np.datetime64(until - timedelta(days=days))
        start = int(np.searchsorted(self.moments, since, side="left"))
        return slice(min(start, max(0, end - fewest)), end)


def read_samples(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, as_of: datetime
) -> Iterator[Sample]:
    """Reads, for each clock, features and predictions, and the labels of matured cohorts.

    Features and labels are compared with the training window. Predictions are compared with the
    first `window_days` of them after the cut: a model is surer of what it has learned from.
    """
    for clock in model.drift.clocks:
        yield _features(model, warehouse, run, clock, as_of)
        yield _predictions(model, warehouse, run, clock, as_of)
    yield _labels(model, warehouse, run, as_of)


def _features(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, clock: str, as_of: datetime
) -> Sample:
    columns = [f"cast(features.{name} as double) as {name}" for name in model.features.numeric]
    columns += [f"features.{name}" for name in model.features.categorical]
    sql = f"""
        select features.project_id, features.snapshot_at as moment, {", ".join(columns)}
        from features.{model.entity}_features as features
        where features.snapshot_kind = $clock
            and features.snapshot_at > $after and features.snapshot_at <= $until
            and {_ONE_PER_PROJECT[model.entity]}
        {_sampled(model, "features.project_id")}"""
    assert run.train_from_at is not None
    before = run.train_from_at - timedelta(microseconds=1)
    reference = warehouse.read(sql, clock=clock, after=before, until=run.cutoff_at).read_all()
    recent = warehouse.read(sql, clock=clock, after=run.cutoff_at, until=as_of).read_all()
    return _sample(clock, model.features.numeric, reference, recent)


def _predictions(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, clock: str, as_of: datetime
) -> Sample:
    sql = f"""
        select features.project_id, predictions.snapshot_at as moment,
            predictions.predicted_probability as {PREDICTION}
        from intermediate.int_predictions_current as predictions
        inner join features.{model.entity}_features as features
            on predictions.entity_id = features.{model.entity}_id
            and predictions.snapshot_kind = features.snapshot_kind
        where predictions.model_name = $name and predictions.model_version = $version
            and predictions.origin = 'batch' and predictions.snapshot_kind = $clock
            and not predictions.is_decided
            and predictions.snapshot_at > $after and predictions.snapshot_at <= $until
            and {_ONE_PER_PROJECT[model.entity]}
        {_sampled(model, "features.project_id")}"""
    found = warehouse.read(
        sql,
        name=model.name,
        version=run.model_version,
        clock=clock,
        after=run.cutoff_at,
        until=as_of,
    ).read_all()
    found = found.sort_by("moment")
    assert run.cutoff_at is not None
    complete_at = run.cutoff_at + _lag(model, warehouse, run, clock)
    moments = found.column("moment").to_numpy()
    start, end = (
        int(np.searchsorted(moments, np.datetime64(moment), side="right"))
        for moment in (complete_at, complete_at + timedelta(days=model.drift.window_days))
    )
    end = max(end, min(start + model.drift.min_entities, len(moments)))
    return _sample(clock, (PREDICTION,), found.slice(start, end - start), found.slice(end))


def _lag(model: ModelSettings, warehouse: Warehouse, run: ModelRun, clock: str) -> timedelta:
    """Returns how long after its launch nearly every project has come to a clock, if it ever does.

    Sooner after the cut only the quick ones have: they would be compared with all.
    """
    rows = warehouse.fetch(
        f"""select percentile_disc(0.99) within group (
            order by epoch_us(features.snapshot_at) - epoch_us(projects.launched_at))
        from features.{model.entity}_features as features
        inner join core.dim_projects as projects on features.project_id = projects.project_id
        where features.snapshot_kind = $clock and features.snapshot_at <= $until
            and {_ONE_PER_PROJECT[model.entity]}""",
        clock=clock,
        until=run.cutoff_at,
    )
    return timedelta(microseconds=rows[0][0] or 0)


def _labels(model: ModelSettings, warehouse: Warehouse, run: ModelRun, as_of: datetime) -> Sample:
    matured = _MATURED[model.entity].format(label=model.label)
    sql = f"""
        select project_id, moment, label as {model.label} from ({matured}) as matured
        where label is not null and moment > $after and moment <= $until
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


def _sample(clock: str, numbers: tuple[str, ...], reference: pa.Table, recent: pa.Table) -> Sample:
    recent = recent.sort_by("moment")
    keys = ["project_id", "moment"]
    return Sample(
        clock=clock,
        numbers=numbers,
        reference=_columns(reference.drop_columns(keys), numbers),
        recent=_columns(recent.drop_columns(keys), numbers),
        moments=recent.column("moment").to_numpy(),
        reference_projects=reference.column("project_id").to_numpy(),
        recent_projects=recent.column("project_id").to_numpy(),
    )


def _columns(table: pa.Table, numbers: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: table.column(name).to_numpy() if name in numbers else table.column(name).to_pylist()
        for name in table.column_names
    }
