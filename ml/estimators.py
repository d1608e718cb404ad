"""From settings to a scikit-learn pipeline, from rows to probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from ml.settings import Features, ModelSettings, SettingsError

Floats = npt.NDArray[np.float64]

_CLASSES: dict[str, Any] = {
    "random_forest": RandomForestClassifier,
    "gradient_boosting": HistGradientBoostingClassifier,
}
# Not for the file: what makes runs repeatable, and a validation part drawn by rows, which would
# put snapshots of one project on both sides.
_FIXED: dict[str, dict[str, Any]] = {
    "random_forest": {"n_jobs": -1, "oob_score": False, "verbose": 0, "warm_start": False},
    "gradient_boosting": {"early_stopping": False, "verbose": 0, "warm_start": False},
}
_RARE = 20  # a category with fewer training rows shares one column with the other rare ones


def build(model: ModelSettings) -> Pipeline:
    """Returns the unfitted pipeline of a model.

    Raises:
        SettingsError: A hyperparameter is unknown, out of range, or not for the file.
    """
    name, given = model.estimator, model.hyperparameters
    fixed = _FIXED[name] | {"random_state": model.seed}
    known = sorted(set(_CLASSES[name]().get_params()) - set(fixed))
    place = f"models.toml: models.{model.name}.hyperparameters"
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


def fit(model: ModelSettings, rows: pa.Table) -> Pipeline:
    """Fits the pipeline; equal rows in equal order give an equal pipeline, to the bit.

    Every row weighs the same. To weigh a project once, whatever its number of rows, would be a
    leak: a campaign that reaches its goal early has fewer undecided rows, so each would weigh more.
    """
    pipeline = build(model)
    labels = rows.column("label").to_numpy()
    with threadpool_limits(limits=1, user_api="openmp"):  # sums depend on the number of threads
        pipeline.fit(_frame(rows, model.features), labels)
    if model.estimator == "random_forest":
        pipeline.set_params(estimator__n_jobs=1)  # several threads add the trees in any order
    return pipeline


def features_of(pipeline: Pipeline) -> Features:
    """Returns the columns that a fitted pipeline reads."""
    columns = {name: names for name, _, names in pipeline.named_steps["columns"].transformers_}
    return Features(tuple(columns["numeric"]), tuple(columns["categorical"]))


def score(pipeline: Pipeline, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the probability of the label for each row, the same alone as in any batch."""
    with threadpool_limits(limits=1, user_api="openmp"):
        probabilities: Floats = pipeline.predict_proba(_frame(rows, features_of(pipeline)))
    return probabilities[:, 1]


def _frame(rows: pa.RecordBatch | pa.Table, features: Features) -> pd.DataFrame:
    columns: dict[str, Any] = {
        name: rows.column(name).to_numpy(zero_copy_only=False) for name in features.numeric
    }
    for name in features.categorical:
        texts = np.array(rows.column(name).to_pylist(), dtype=object)
        columns[name] = pd.Series(texts, dtype=object)
    return pd.DataFrame(columns)
