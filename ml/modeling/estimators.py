"""From settings to a fitted pipeline, from rows to scores."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from math import isfinite
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import ThreadpoolController

from ml.modeling.apart import BoostingApart
from ml.settings import BASE_RATE, MEAN, ZERO_APART, Features, ModelSettings
from ml.settings_file import SettingsError

Floats = npt.NDArray[np.float64]
_Places = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]  # among the numeric columns
_Form = tuple[Features, bool, _Places | None]  # what decides how columns are prepared

KIND = "snapshot_kind"  # stands beside the features in every table of rows
_CLASSES: dict[str, Any] = {
    "random_forest": RandomForestClassifier,
    "gradient_boosting": HistGradientBoostingClassifier,
    "logistic_regression": LogisticRegression,
    BASE_RATE: LogisticRegression,  # on the kind of snapshot alone
}
# What the file may set. The rest would break repeatable runs, weigh classes, name columns, draw a
# validation part by rows (snapshots of one project on both sides), or forbid one of these.
_GIVEN = {
    "random_forest": (
        *("n_estimators", "criterion", "max_depth", "min_samples_split", "min_samples_leaf"),
        *("max_features", "max_leaf_nodes", "max_samples"),
    ),
    "gradient_boosting": (
        *("max_iter", "learning_rate", "max_leaf_nodes", "max_depth", "min_samples_leaf"),
        *("l2_regularization", "max_features", "max_bins", ZERO_APART),
    ),
    "logistic_regression": ("C",),
    BASE_RATE: (),
}
_LINEAR = {"solver": "newton-cholesky", "max_iter": 1000, "verbose": 0}
_FIXED: dict[str, dict[str, Any]] = {
    "random_forest": {"n_jobs": -1, "oob_score": False, "verbose": 0, "warm_start": False},
    "gradient_boosting": {"early_stopping": False, "verbose": 0, "warm_start": False},
    "logistic_regression": _LINEAR,
    BASE_RATE: _LINEAR,
}
_MOST_TREE_ROWS = 4000  # of one tree of a forest: more cost time and hardly better its mean
_RARE = 20  # a category with fewer training rows counts as one with the other rare ones
_BINS = 255  # of the boosting, unless the file gives fewer: so many categories it can tell apart
_FLOOR = 0.05  # quantile of the positive values that is added before a logarithm is taken


class AnalystForm(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features as an analyst gives them to a linear model: logarithms, and products of two.

    The logarithm is of the value plus its 5 % quantile among the positive ones of training, so that
    none of nothing has one. All columns are scaled to mean 0 and deviation 1; products are of
    scaled columns and come last.
    """

    def __init__(
        self, logarithms: tuple[int, ...] = (), products: tuple[tuple[int, int], ...] = ()
    ) -> None:
        """Takes the places of columns."""
        self.logarithms, self.products = logarithms, products

    def fit(self, values: Floats, label: Any = None) -> Self:
        """Learns what is added before a logarithm, means and deviations."""
        positive = (values[values[:, place] > 0, place] for place in self.logarithms)
        self.floor_ = [np.quantile(each, _FLOOR) if len(each) else 1.0 for each in positive]
        self.scaler_ = StandardScaler().fit(self._logarithms(values))
        return self

    def transform(self, values: Floats) -> Floats:
        """Returns the columns in their order, then the products."""
        scaled: Floats = self.scaler_.transform(self._logarithms(values))
        products = [scaled[:, [one]] * scaled[:, [other]] for one, other in self.products]
        return np.hstack([scaled, *products])

    def _logarithms(self, values: Floats) -> Floats:
        found = np.array(values, dtype=np.float64)
        for place, floor in zip(self.logarithms, self.floor_, strict=True):
            found[:, place] = np.log(np.clip(found[:, place], 0, None) + floor)
        return found


def build(model: ModelSettings) -> Pipeline:
    """Returns the unfitted pipeline of a model.

    Raises:
        SettingsError: A hyperparameter is unknown, out of range, or not for the file.
    """
    name, given = model.estimator, model.hyperparameters
    fixed = _FIXED[name] | {"random_state": model.seed}
    if _is_boosting(model):
        fixed["categorical_features"] = list(range(len(model.features.categorical)))
    known = _GIVEN[name]
    place = f"models.toml: models.{model.name}.hyperparameters.{name}"
    for key, value in given.items():
        if key not in known:
            raise SettingsError(f"{place}.{key} cannot be set; known here: {', '.join(known)}")
        if isinstance(value, float) and not isfinite(value):
            raise SettingsError(f"{place}.{key} must be finite, not {value!r}")
    own = {key: value for key, value in given.items() if key != ZERO_APART}
    estimator = _CLASSES[name](**own, **fixed)
    try:
        estimator._validate_params()  # the only check of values that needs no data
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from error
    if (apart := given.get(ZERO_APART)) is not None:
        if apart not in model.features.numeric:
            allowed = ", ".join(model.features.numeric)
            raise SettingsError(f"{place}.{ZERO_APART} must be one of {allowed}, not {apart!r}")
        before = len(model.features.categorical)  # which stand in front of the numeric columns
        estimator = BoostingApart(estimator, before + model.features.numeric.index(apart))
    parts = [
        ("numeric", _numeric(model), list(model.features.numeric)),
        ("categorical", _categorical(model), list(model.features.categorical)),
    ]
    if _is_boosting(model):  # which moves its categories to the front, if they are not there
        parts.reverse()
    columns = ColumnTransformer(parts)
    return Pipeline([("columns", columns), ("estimator", estimator)])


def class_name(model: ModelSettings) -> str:
    """Returns the name of the estimator's class, as the tables have it."""
    if model.estimator == MEAN:
        return "LogOddsMean"
    estimator = build(model).named_steps["estimator"]
    return type(getattr(estimator, "boosting", estimator)).__name__


def _is_boosting(model: ModelSettings) -> bool:
    return model.estimator == "gradient_boosting"


def _numeric(model: ModelSettings) -> Pipeline:
    # Unknown gets the median of training, and a column that says so where training knew gaps. (The
    # boosting could take gaps as they are, but not a column that has never been known.)
    is_boosting = _is_boosting(model)
    impute = SimpleImputer(
        strategy="median", add_indicator=not is_boosting, keep_empty_features=True
    )
    if is_boosting:  # each column costs it as much as the others: none that tells nothing new
        return Pipeline([("impute", impute)])
    places = _analyst_places(model)
    scale = StandardScaler() if places is None else AnalystForm(*places)
    return Pipeline([("impute", impute), ("scale", scale)])


def _analyst_places(model: ModelSettings) -> _Places | None:
    """Returns the places of logarithms and products; None where the columns are only scaled."""
    if model.estimator != "logistic_regression":
        return None
    place = {name: number for number, name in enumerate(model.features.numeric)}
    logarithms = tuple(place[name] for name in model.logarithms if name in place)
    return logarithms, tuple((place[one], place[other]) for one, other in model.products)


def _categorical(model: ModelSettings) -> Pipeline:
    # An unknown value is a category of its own. One never seen in training counts as a rare one; in
    # the boosting, which splits sets of categories, it goes with the larger part.
    name = SimpleImputer(
        strategy="constant",
        fill_value="(unknown)",
        missing_values=None,
        keep_empty_features=True,
    )
    encode: TransformerMixin = encoder()
    if _is_boosting(model):
        encode = OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            min_frequency=_RARE,
            max_categories=model.hyperparameters.get("max_bins", _BINS),
        )
    return Pipeline([("name", name), ("encode", encode)])


def encoder() -> OneHotEncoder:
    """Returns what makes one column of each category that is not rare, and one of the rare ones."""
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=_RARE, sparse_output=False
    )


def fit_pipelines(models: Sequence[ModelSettings], rows: pa.Table) -> list[Pipeline]:
    """Fits estimators; equal rows in equal order give equal pipelines, to the bit.

    Those that read the same columns alike share what prepares them. Without weights: to weigh a
    project once, whatever its number of rows, would be a leak, since a campaign that reaches its
    goal early has fewer rows before its outcome is decided.

    Args:
        models: Settings of one estimator each.
        rows: The features, `label`, and what they may be asked for beside (`snapshot_kind`).
    """
    made: dict[_Form, tuple[ColumnTransformer, Floats]] = {}
    label = labels(rows)
    fitted = []
    with one_thread():
        for model in models:
            pipeline = build(model)
            form = model.features, _is_boosting(model), _analyst_places(model)
            if form not in made:
                columns = pipeline.named_steps["columns"]
                inputs = columns.fit_transform(frame(rows, model.features), label)
                made[form] = columns, inputs
            columns, inputs = made[form]
            estimator = pipeline.named_steps["estimator"]
            if model.estimator == "random_forest":
                estimator.set_params(max_samples=_tree_rows(estimator.max_samples, len(label)))
            estimator.fit(inputs, label)
            pipeline.set_params(columns=columns)
            if model.estimator == "random_forest":  # several threads add the trees in any order
                pipeline.set_params(estimator__n_jobs=1)
            fitted.append(pipeline)
    return fitted


def _tree_rows(given: float | None, row_count: int) -> int:
    """Returns how many rows each tree of a forest draws: a share of them or a number, bounded."""
    wanted = given if isinstance(given, int) else round((given or 1.0) * row_count)
    return max(1, min(wanted, row_count, _MOST_TREE_ROWS))


def one_thread() -> AbstractContextManager[None]:
    """Keeps OpenMP and BLAS to one thread: sums depend on the number of threads."""
    limited: AbstractContextManager[None] = _thread_pools().limit(limits=1)
    return limited


@cache
def _thread_pools() -> ThreadpoolController:
    # scans all loaded libraries, a twentieth of training; scikit-learn's OpenMP is among them
    return ThreadpoolController()


def labels(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Returns the outcomes of labelled rows."""
    found: npt.NDArray[np.bool_] = rows.column("label").to_numpy().astype(bool)
    return found


def kinds(rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.str_]:
    """Returns the kind of snapshot of each row."""
    return np.array(rows.column(KIND).to_pylist(), dtype=np.str_)


def features_of_pipeline(pipeline: Pipeline) -> Features:
    """Returns the columns that a fitted pipeline reads."""
    columns = {name: names for name, _, names in pipeline.named_steps["columns"].transformers_}
    return Features(tuple(columns["numeric"]), tuple(columns["categorical"]))


def scores(pipelines: Sequence[Pipeline], rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns one column of scores for each fitted estimator; a row alone as in any batch."""
    found = np.empty((rows.num_rows, len(pipelines)))
    with one_thread():
        for place, (pipeline, inputs) in enumerate(
            zip(pipelines, prepared(pipelines, rows), strict=True)
        ):
            estimator = pipeline.named_steps["estimator"]
            if isinstance(estimator, LogisticRegression):
                sums = weighted_sum(inputs, estimator.coef_[0], estimator.intercept_[0])
                found[:, place] = expit(sums)
            else:
                found[:, place] = estimator.predict_proba(inputs)[:, 1]
    return found


def prepared(pipelines: Sequence[Pipeline], rows: pa.RecordBatch | pa.Table) -> list[Floats]:
    """Returns what each fitted estimator reads of rows, made once for those that share columns."""
    found: dict[int, Floats] = {}
    with one_thread():
        for pipeline in pipelines:
            columns = pipeline.named_steps["columns"]
            if id(columns) not in found:
                read = frame(rows, features_of_pipeline(pipeline))
                found[id(columns)] = columns.transform(read)
    return [found[id(pipeline.named_steps["columns"])] for pipeline in pipelines]


def weighted_sum(values: Floats, weights: Floats, start: float = 0.0) -> Floats:
    """Adds the columns of a matrix one by one, each times its weight, to a number.

    A product of matrices rounds differently by the number of rows: a row alone would get another
    sum than in a batch.
    """
    total = np.full(len(values), start)
    for weight, column in zip(weights, values.T, strict=True):
        total += weight * column
    return total


def frame(rows: pa.RecordBatch | pa.Table, features: Features) -> pd.DataFrame:
    """Returns the columns of features as estimators read them: numbers, and texts as objects."""
    columns: dict[str, Any] = {
        name: rows.column(name).to_numpy(zero_copy_only=False) for name in features.numeric
    }
    for name in features.categorical:
        texts = np.array(rows.column(name).to_pylist(), dtype=object)
        columns[name] = pd.Series(texts, dtype=object)
    return pd.DataFrame(columns)
