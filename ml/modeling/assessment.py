"""Judges a trained model and what it is held against, all on the same rows of later launches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.pipeline import Pipeline

from ml.context import RunContext
from ml.modeling import combining, estimators, metrics, rolling, skill
from ml.modeling.baselines import CEILING, ORACLE, Predictor
from ml.modeling.calibration_curve import CalibrationBin, calibration_curve
from ml.modeling.intervals import Floats, Integers
from ml.modeling.metrics import Metric, ScoredRows
from ml.modeling.rolling import Fit, FittedModel
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

_SHUFFLES = 3
_MAX_ROWS = 1_000  # for the importance of features
_VERSION = ("model_name", "split_part(model_version, '/', 1)")


class Importance(NamedTuple):
    """How much the log loss of held-out rows grows when one feature is shuffled."""

    feature: str
    log_loss_increase: float
    increase_deviation: float
    row_count: int


class Assessment(NamedTuple):
    """All measurements of one predictor; its version names the model it was measured for.

    Attributes:
        untested: Why the skill of a model could not be tested; None when it was.
    """

    predictor: str
    model_version: str
    metrics: list[Metric]
    curve: list[CalibrationBin]
    importance: list[Importance]
    untested: str | None = None


def scored(test: pa.Table, probability: Floats) -> ScoredRows:
    """Returns the rows of `holdout_rows` with the probabilities of a predictor."""
    amount = test.column("amount").to_numpy()
    return ScoredRows(
        entity_id=test.column("entity_id").to_numpy(),
        project_id=test.column("project_id").to_numpy(),
        creator_id=test.column("creator_id").to_numpy(),
        snapshot_kind=np.array(test.column("snapshot_kind").to_pylist(), dtype=np.str_),
        is_decided=test.column("is_decided").to_numpy().astype(bool),
        is_first_time=test.column("is_first_time").to_numpy().astype(bool),
        label=test.column("label").to_numpy().astype(bool),
        probability=probability,
        true_probability=test.column("true_probability").to_numpy(),
        amount=amount,
    )


def assess_model(
    model: ModelSettings,
    fitted: FittedModel,
    version: str,
    tested: "HeldOutRows",
    rivals: Sequence[Predictor] = (),
) -> Assessment:
    """Measures a candidate, its calibration, features and skill; empty without test rows."""
    if not tested.all.num_rows:
        return Assessment(model.estimator, version, [], [], [])
    rows = scored(tested.all, tested.score(fitted))
    measured = metrics.measure(rows)
    ceiling = tested.all.column("ceiling_probability").to_numpy()
    if not np.isnan(ceiling).any():
        measured += metrics.measure_difference(rows, ceiling, suffix="above_ceiling")
    measured += skill.differences(model, rows, rivals)
    return Assessment(
        predictor=model.estimator,
        model_version=version,
        metrics=measured,
        curve=calibration_curve(rows),
        importance=_importance(fitted, tested),
        untested=skill.untested_reason(rows.where(~rows.is_decided), model),
    )


def last_measured(warehouse: Warehouse, version: str) -> list[Metric]:
    """Returns the newest measurement of a version, which an earlier run may have made."""
    rows = warehouse.fetch(
        f"select {', '.join(Metric._fields)} from staging.stg_model_metrics"
        " where model_version = $version",
        version=version,
    )
    return [Metric(*row) for row in rows]


def assess_others(
    model: ModelSettings, version: str, test: pa.Table, others: Sequence[Predictor]
) -> list[Assessment]:
    """Measures the baselines and the truth on the rows that a version of the model is tested on."""
    return [
        Assessment(other.name, f"{version}/{other.name}", _measure(test, other), [], [])
        for other in others
    ]


def _measure(test: pa.Table, other: Predictor) -> list[Metric]:
    rows = scored(test, other.probability)
    if other.name in (ORACLE, CEILING):  # these lack some rows
        rows = rows.where(~np.isnan(other.probability))
    return metrics.measure(rows)


class HeldOutRows:
    """The rows that candidates are tested on, and copies with one feature shuffled in each.

    Shuffled among open rows of one snapshot kind: across kinds it would make impossible campaigns.
    What a model says of the rows, and an estimator of the copies, is computed once for all
    candidates. These may read different features.
    """

    def __init__(self, test: pa.Table, model: ModelSettings) -> None:
        """Takes the test rows; they are shuffled once somebody asks."""
        open_rows = test.filter(np.logical_not(test.column("is_decided").to_numpy()))
        self.all, self.open, self._seed = test, open_rows.slice(0, _MAX_ROWS), model.seed
        self._said: dict[int, tuple[FittedModel, Floats]] = {}
        self._copies: dict[tuple[str, ...], pa.Table] = {}
        self._scores: dict[tuple[int, tuple[str, ...]], tuple[Pipeline, Floats]] = {}

    def score(self, fitted: FittedModel) -> Floats:
        """Returns the probability of the label for each test row."""
        if id(fitted) not in self._said:  # of what is kept here, no other object gets the id
            self._said[id(fitted)] = fitted, rolling.score(fitted, self.all)
        return self._said[id(fitted)][1]

    def losses(self, fit: Fit, names: tuple[str, ...]) -> Floats:
        """Returns the mean log loss of the open rows, then of each copy, in order of features."""
        rows = self._shuffled(names)
        keys = [(id(pipeline), names) for pipeline in fit.pipelines]
        new = {
            key: pipeline
            for key, pipeline in zip(keys, fit.pipelines, strict=True)
            if key not in self._scores
        }
        for (key, pipeline), score in zip(
            new.items(), estimators.scores(list(new.values()), rows).T, strict=True
        ):
            self._scores[key] = pipeline, score
        scores = np.column_stack([self._scores[key][1] for key in keys])
        probability = combining.apply(fit.combination, scores, estimators.kinds(rows))
        label = rows.column("label").to_numpy().astype(bool)
        loss = metrics.surprise(label, probability).reshape(-1, self.open.num_rows)
        means: Floats = loss.mean(axis=1)
        return means

    def _shuffled(self, names: tuple[str, ...]) -> pa.Table:
        if names not in self._copies:
            rng = np.random.default_rng(self._seed)
            kind = estimators.kinds(self.open)
            copies = []
            for name in names:
                place, column = self.open.schema.get_field_index(name), self.open.column(name)
                for _ in range(_SHUFFLES):
                    taken = column.take(_shuffled_within(kind, rng))
                    copies.append(self.open.set_column(place, name, taken))
            self._copies[names] = pa.concat_tables([self.open, *copies])
        return self._copies[names]


def _importance(fitted: FittedModel, tested: HeldOutRows) -> list[Importance]:
    """Shuffles one feature at a time among open rows (Breiman, 2001).

    All shuffled copies are scored in one call: scikit-learn's function of that purpose takes ten
    times as long on a small test. One fit scores them all, the newest that knew none of their
    outcomes.
    """
    rows, names = tested.open, tuple(rolling.features_of(fitted).names)
    if not rows.num_rows:
        return []
    loss = tested.losses(rolling.fit_before(fitted, rows), names)
    increase = (loss[1:] - loss[0]).reshape(len(names), _SHUFFLES)
    return [
        Importance(name, float(values.mean()), float(values.std(ddof=1)), rows.num_rows)
        for name, values in zip(names, increase, strict=True)
    ]


def _shuffled_within(kind: npt.NDArray[np.str_], rng: np.random.Generator) -> Integers:
    """Returns places of rows in which every row has another row's place of the same kind."""
    by_kind = np.argsort(kind, kind="stable")
    order = np.empty(len(kind), dtype=np.int64)
    order[by_kind] = np.lexsort((rng.random(len(kind)), kind))
    return order


def add_to(
    warehouse: Warehouse,
    assessments: list[Assessment],
    model_name: str,
    as_of: datetime,
    context: RunContext,
) -> None:
    """Adds to `ml.model_metrics` and its companions what a version was not measured to be yet.

    A version is measured as a whole, with what stands beside it: of an older measurement nothing
    remains in force.
    """
    stamp = {
        "run_id": context.run_id,
        "model_name": model_name,
        "as_of": as_of,
        "measured_at": context.now,
    }
    tables: dict[str, list[pa.Table]] = {}
    for found in assessments:
        owner = stamp | {"model_version": found.model_version}
        for table, rows in (
            ("model_metrics", _table(found.metrics, owner | {"predictor": found.predictor})),
            ("calibration_curves", _table(found.curve, owner)),
            ("feature_importance", _table(found.importance, owner)),
        ):
            if rows.num_rows:
                tables.setdefault(table, []).append(rows)
    for table, parts in tables.items():
        rows = pa.concat_tables(parts, promote_options="permissive")
        warehouse.record(table, rows, key=_VERSION, made_at="measured_at")


def _table(rows: list[Any], same: dict[str, Any]) -> pa.Table:
    if not rows:
        return pa.table({})
    columns = {name: [getattr(row, name) for row in rows] for name in rows[0]._fields}
    return pa.table(columns | {name: [value] * len(rows) for name, value in same.items()})
