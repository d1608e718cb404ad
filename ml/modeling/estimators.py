"""From settings to a fitted model, from rows to probabilities."""

import itertools
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import ThreadpoolController

from ml.modeling import calibration
from ml.modeling.calibration import Calibrator
from ml.settings import Features, ModelSettings
from ml.settings_file import SettingsError

Floats = npt.NDArray[np.float64]

_CLASSES: dict[str, Any] = {
    "random_forest": RandomForestClassifier,
    "gradient_boosting": HistGradientBoostingClassifier,
    "logistic_regression": LogisticRegression,
}
# Not for the file: what makes runs repeatable, and a validation part drawn by rows, which would
# put snapshots of one project on both sides.
_FIXED: dict[str, dict[str, Any]] = {
    "random_forest": {"n_jobs": -1, "oob_score": False, "verbose": 0, "warm_start": False},
    "gradient_boosting": {"early_stopping": False, "verbose": 0, "warm_start": False},
    "logistic_regression": {"solver": "newton-cholesky", "max_iter": 1000, "verbose": 0},
}
_RARE = 20  # a category with fewer training rows shares one column with the other rare ones


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted pipeline, and what its scores have been worth on later data."""

    pipeline: Pipeline
    calibrator: Calibrator


def build(model: ModelSettings) -> Pipeline:
    """Returns the unfitted pipeline of a model.

    Raises:
        SettingsError: A hyperparameter is unknown, out of range, or not for the file.
    """
    name, given = model.estimator, model.hyperparameters
    fixed = _FIXED[name] | {"random_state": model.seed}
    known = sorted(set(_CLASSES[name]().get_params()) - set(fixed))
    place = f"models.toml: models.{model.name}.hyperparameters.{name}"
    for key in given:
        if key not in known:
            raise SettingsError(f"{place}.{key} cannot be set; known here: {', '.join(known)}")
    estimator = _CLASSES[name](**given, **fixed)
    try:
        estimator._validate_params()  # the only check of values that needs no data
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from error
    columns = ColumnTransformer(
        [
            ("numeric", _numeric(), list(model.features.numeric)),
            ("categorical", _categorical(), list(model.features.categorical)),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", estimator)])


def class_name(model: ModelSettings) -> str:
    """Returns the name of the estimator's class, as the tables have it."""
    return type(build(model).named_steps["estimator"]).__name__


def _numeric() -> Pipeline:
    # Unknown gets the median of training, and a column that says so where training knew gaps. (The
    # boosting could take gaps as they are, but not a column that has never been known.)
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", impute), ("scale", StandardScaler())])


def _categorical() -> Pipeline:
    # An unknown value is a category of its own; one never seen in training counts as a rare one.
    name = SimpleImputer(
        strategy="constant",
        fill_value="(unknown)",
        missing_values=None,
        keep_empty_features=True,
    )
    encode = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=_RARE, sparse_output=False
    )
    return Pipeline([("name", name), ("encode", encode)])


def fit(model: ModelSettings, rows: pa.Table) -> FittedModel:
    """Fits the model; equal rows in equal order give an equal model, to the bit.

    The calibration is learned from models fitted up to earlier cuts, each scoring the stretch of
    launches that came next; the model itself is fitted on all rows.

    Args:
        model: Settings of one candidate.
        rows: The features, `label`, `snapshot_kind`, `project_id`, `launched_at`, `closed_at`.
    """
    pipeline = _fit_pipeline(model, rows)
    scored = _scored_stretches(model, rows)
    if not scored:
        return FittedModel(pipeline, calibration.nothing_known())
    later = pa.concat_tables([part for part, _ in scored])
    calibrator = calibration.fit(
        np.concatenate([score for _, score in scored]),
        _labels(later),
        _kinds(later),
        later.column("project_id").to_numpy(),
    )
    return FittedModel(pipeline, calibrator)


def scores_of_later_launches(
    model: ModelSettings, rows: pa.Table
) -> list[tuple[npt.NDArray[np.bool_], Floats]]:
    """Returns labels and uncalibrated scores of the launches after each earlier cut."""
    return [(_labels(later), score) for later, score in _scored_stretches(model, rows)]


def _scored_stretches(model: ModelSettings, rows: pa.Table) -> list[tuple[pa.Table, Floats]]:
    return [
        (later, score_raw(_fit_pipeline(model, seen), later))
        for seen, later in _stretches(rows, model.split.calibration_shares)
    ]


def _fit_pipeline(model: ModelSettings, rows: pa.Table) -> Pipeline:
    """Fits without weights.

    To weigh a project once, whatever its number of rows, would be a leak: a campaign that reaches
    its goal early has fewer rows before its outcome is decided, so each would weigh more.
    """
    pipeline = build(model)
    with one_thread():
        pipeline.fit(_frame(rows, model.features), _labels(rows))
    if model.estimator == "random_forest":
        pipeline.set_params(estimator__n_jobs=1)  # several threads add the trees in any order
    return pipeline


def _stretches(rows: pa.Table, shares: tuple[float, ...]) -> list[tuple[pa.Table, pa.Table]]:
    """Returns for each cut what was closed by then, and the launches from there to the next cut."""
    by_project = rows.group_by("project_id").aggregate([("launched_at", "min")])
    launches = np.sort(by_project.column("launched_at_min").to_numpy())
    cuts = [launches[int(share * len(launches))] for share in shares]
    found = []
    for cut, end in itertools.pairwise([*cuts, launches[-1]]):
        seen = rows.filter(pc.less_equal(rows.column("closed_at"), cut))
        launched_at = rows.column("launched_at")
        is_next = pc.and_(pc.greater(launched_at, cut), pc.less_equal(launched_at, end))
        later = rows.filter(is_next)
        if later.num_rows and len(np.unique(_labels(seen))) == 2:
            found.append((seen, later))
    return found


def one_thread() -> AbstractContextManager[None]:
    """Keeps OpenMP to one thread while inside: sums depend on the number of threads."""
    limited: AbstractContextManager[None] = _thread_pools().limit(limits=1, user_api="openmp")
    return limited


@cache
def _thread_pools() -> ThreadpoolController:
    # scans all loaded libraries, a twentieth of training; scikit-learn's OpenMP is among them
    return ThreadpoolController()


def _labels(rows: pa.Table) -> npt.NDArray[np.bool_]:
    labels: npt.NDArray[np.bool_] = rows.column("label").to_numpy().astype(bool)
    return labels


def _kinds(rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.str_]:
    return np.array(rows.column("snapshot_kind").to_pylist(), dtype=np.str_)


def features_of(fitted: FittedModel) -> Features:
    """Returns the columns that a fitted model reads, beside `snapshot_kind`."""
    return features_of_pipeline(fitted.pipeline)


def features_of_pipeline(pipeline: Pipeline) -> Features:
    """Returns the columns that a fitted pipeline reads."""
    columns = {name: names for name, _, names in pipeline.named_steps["columns"].transformers_}
    return Features(tuple(columns["numeric"]), tuple(columns["categorical"]))


def score(fitted: FittedModel, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the probability of the label for each row, the same alone as in any batch."""
    return calibration.apply(fitted.calibrator, score_raw(fitted.pipeline, rows), _kinds(rows))


def score_raw(pipeline: Pipeline, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the scores of the estimator before calibration."""
    with one_thread():
        probabilities: Floats = pipeline.predict_proba(frame_of(pipeline, rows))
    return probabilities[:, 1]


def frame_of(pipeline: Pipeline, rows: pa.RecordBatch | pa.Table) -> pd.DataFrame:
    """Returns the columns that a fitted pipeline reads, as it reads them."""
    return _frame(rows, features_of_pipeline(pipeline))


def _frame(rows: pa.RecordBatch | pa.Table, features: Features) -> pd.DataFrame:
    columns: dict[str, Any] = {
        name: rows.column(name).to_numpy(zero_copy_only=False) for name in features.numeric
    }
    for name in features.categorical:
        texts = np.array(rows.column(name).to_pylist(), dtype=object)
        columns[name] = pd.Series(texts, dtype=object)
    return pd.DataFrame(columns)
