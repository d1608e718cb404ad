"""Why a prediction is what it is: contributions of features that add up to it exactly.

A tree's score is walked from the root, whose value is the mean over training, to the leaf; every
step's change belongs to the feature that was asked there (Saabas, 2014). That costs 0.1 ms a row;
TreeSHAP (Lundberg et al., 2020) gives nearly the same order at 30 ms a row and one package more.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import logit
from sklearn.pipeline import Pipeline

from ml.modeling import combining, estimators, rolling
from ml.modeling.apart import BoostingApart
from ml.modeling.rolling import FittedModel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_NAMED = 5  # features per prediction; what all others did together is one row
EXPECTED, OTHERS, CALIBRATION = "(expected)", "(other features)", "(calibration)"
KNOWN = "(known outcome)"
_UNSEEN = 255  # number of a category that the boosting has not seen; of sets it keeps 256 bits
_NOTHING = 1e-9  # a smaller change of a probability has no proportions


class Contributions(NamedTuple):
    """What moved the log-odds of `n` rows.

    Attributes:
        expected: The mean of the estimators' values for nothing known but their training.
        by_feature: One column per feature in order of `features_of`, shape (n, features).
        calibration: What kind of snapshot and calibration added, shape (n,); with the rest it gives
            the log-odds of the prediction.
    """

    expected: float
    by_feature: Floats
    calibration: Floats


class _Tree(NamedTuple):
    feature: Integers  # negative at a leaf
    threshold: Floats
    left: Integers
    right: Integers
    value: Floats
    has_set: npt.NDArray[np.bool_] | None = None  # of categories, instead of a threshold
    goes_left: npt.NDArray[np.bool_] | None = None  # by node and category, the unseen one last


def contributions(
    fitted: FittedModel, rows: pa.RecordBatch | pa.Table, probability: Floats
) -> Contributions:
    """Returns what moved the prediction of each row by the last fit, additive up to rounding.

    Args:
        fitted: The model.
        rows: What is live, shape (n,).
        probability: What the last fit says of each row.
    """
    fit, names = fitted.fits[-1], rolling.features_of(fitted).names
    by_feature, expected = np.zeros((rows.num_rows, len(names))), 0.0
    prepared = estimators.prepared(fit.pipelines, rows)
    for weight, pipeline, inputs in zip(
        fit.combination.weights, fit.pipelines, prepared, strict=True
    ):
        value, by_column = _by_column(pipeline.named_steps["estimator"], inputs)
        expected += weight * value
        read = estimators.features_of_pipeline(pipeline).names
        for owner, column in zip(_owners(pipeline), by_column.T, strict=True):
            if read[owner] != estimators.KIND:
                by_feature[:, names.index(read[owner])] += weight * column
    calibration = logit(probability) - expected - by_feature.sum(axis=1)
    return Contributions(expected, by_feature, calibration)


def _by_column(estimator: Any, inputs: Floats) -> tuple[float, Floats]:
    """Returns log-odds of one estimator: expected, and what each column it reads added."""
    kind = type(estimator).__name__
    if kind == "LogisticRegression":
        return float(estimator.intercept_[0]), inputs * estimator.coef_[0]
    if isinstance(estimator, BoostingApart):
        return _by_part(estimator, inputs)
    # The forest compares in single precision, the boosting in double; it numbers categories anew,
    # but refuses to number those of no rows, of which a part of a boosting in two may consist.
    is_forest = kind == "RandomForestClassifier"
    if is_forest or not len(inputs):
        seen = inputs.astype(np.float32, order="C")
    else:
        seen = np.ascontiguousarray(estimator._preprocess_X(inputs, reset=False))
    by_column = np.zeros(inputs.shape)
    roots = [_walk(tree, seen, by_column) for tree in _trees(estimator)]
    if not is_forest:
        return float(np.sum(roots)) + float(estimator._baseline_prediction[0, 0]), by_column
    root = float(np.mean(roots))
    return float(combining.odds(np.array([root]))[0]), _in_odds(root, by_column / len(roots))


def _by_part(estimator: BoostingApart, inputs: Floats) -> tuple[float, Floats]:
    """Returns the same of a boosting in two, whose first step asks in which part a row is."""
    by_column, expected = np.zeros(inputs.shape), []
    for boosting, part in estimator.by_part(inputs):
        value, by_column[part] = _by_column(boosting, inputs[part])
        by_column[part, estimator.column] += value
        expected.append(value)
    over_training = float(np.average(expected, weights=estimator.share_))
    by_column[:, estimator.column] -= over_training
    return over_training, by_column


def _in_odds(root: float, by_column: Floats) -> Floats:
    """Returns steps of a probability as steps of its log-odds, in the same proportions."""
    change = by_column.sum(axis=1)
    end = combining.odds(root + change) - combining.odds(np.array([root]))
    moved = np.abs(change) > _NOTHING
    slope = np.full(len(change), 1 / (root * (1 - root)) if 0 < root < 1 else 0.0)
    slope[moved] = end[moved] / change[moved]
    found: Floats = by_column * slope[:, None]
    return found


def _owners(pipeline: Pipeline) -> Integers:
    """Returns for each column that the estimator reads the place of the feature it comes from."""
    names, owners = estimators.features_of_pipeline(pipeline).names, []
    for kind, steps, read in pipeline.named_steps["columns"].transformers_:
        places = np.array([names.index(name) for name in read], dtype=np.int64)
        owners.append(places)
        if read and kind == "categorical":
            sizes = getattr(steps.named_steps["encode"], "_n_features_outs", 1)
            owners[-1] = np.repeat(places, sizes)
        elif read:
            if (indicator := steps.named_steps["impute"].indicator_) is not None:
                owners.append(places[indicator.features_])
            products = getattr(steps.named_steps.get("scale"), "products", ())
            owners.append(places[[one for one, _ in products]])
    return np.concatenate(owners)


def _trees(estimator: Any) -> Iterator[_Tree]:
    if hasattr(estimator, "estimators_"):
        for each in estimator.estimators_:
            tree = each.tree_
            yield _Tree(
                *(tree.feature, tree.threshold, tree.children_left, tree.children_right),
                tree.value[:, 0, 1],
            )
        return
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        value, weight = nodes["value"].copy(), nodes["count"].astype(np.float64)
        for node in np.flatnonzero(~is_leaf)[::-1]:  # children stand behind their parent
            pair = [left[node], right[node]]
            value[node] = np.average(value[pair], weights=weight[pair])
        feature = np.where(is_leaf, -1, nodes["feature_idx"])
        has_set = nodes["is_categorical"].astype(bool)
        goes_left = np.zeros((len(nodes), _UNSEEN + 1), dtype=bool)
        bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][has_set]].astype("<u4")
        goes_left[has_set] = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")
        goes_left[has_set, _UNSEEN] = nodes["missing_go_to_left"][has_set]
        yield _Tree(feature, nodes["num_threshold"], left, right, value, has_set, goes_left)


def _walk(tree: _Tree, inputs: npt.NDArray[Any], by_column: Floats) -> float:
    """Adds the steps of all rows through one tree; returns the value of its root."""
    # flat, by `take`: half the time of two indices in brackets
    seen, steps = inputs.reshape(-1), by_column.reshape(-1)
    row = np.arange(len(inputs)) * inputs.shape[1]
    node = np.zeros(len(inputs), dtype=np.int64)
    while len(node):
        feature = tree.feature.take(node)
        goes_on = np.flatnonzero(feature >= 0)
        row, node = row.take(goes_on), node.take(goes_on)
        place = row + feature.take(goes_on)
        found = seen.take(place)
        goes_left = found <= tree.threshold.take(node)
        if tree.has_set is not None and tree.goes_left is not None:
            by_set = np.flatnonzero(tree.has_set.take(node))
            category = np.nan_to_num(found.take(by_set), nan=_UNSEEN).astype(np.int64)
            goes_left[by_set] = tree.goes_left[node.take(by_set), category]
        child = np.where(goes_left, tree.left.take(node), tree.right.take(node))
        steps[place] += tree.value.take(child) - tree.value.take(node)
        node = child
    return float(tree.value[0])


def reasons(fitted: FittedModel, rows: pa.RecordBatch | pa.Table, probability: Floats) -> pa.Table:
    """Returns the rows of `ml.prediction_reasons` for predictions with a `prediction_id`.

    Rank 0 is the expected value, then come the features that moved the prediction most, all others
    together, and the calibration. The contributions of a prediction add up to its log-odds, which
    are those of `probability`.
    """
    found = contributions(fitted, rows, probability)
    features = rolling.features_of(fitted)
    count, named = rows.num_rows, min(MAX_NAMED, len(features.names))
    order = np.argsort(-np.abs(found.by_feature), axis=1, kind="stable")[:, :named]
    top = np.take_along_axis(found.by_feature, order, axis=1)
    texts = np.stack([_texts(rows.column(name)) for name in features.names], axis=1)
    rest = found.by_feature.sum(axis=1) - top.sum(axis=1)
    contribution = np.column_stack([np.full(count, found.expected), top, rest, found.calibration])
    names = np.array([*features.names, EXPECTED, OTHERS, CALIBRATION], dtype=object)
    own = len(features.names)
    place = np.column_stack(
        [np.full(count, own), order, np.full(count, own + 1), np.full(count, own + 2)]
    )
    shown = np.full(place.shape, None, dtype=object)
    shown[:, 1 : named + 1] = np.take_along_axis(texts, order, axis=1)
    width = place.shape[1]
    repeated = np.repeat(np.arange(count), width)
    keys = ("prediction_id", "entity_id")
    return pa.table(
        {name: rows.column(name).take(repeated) for name in keys}
        | {
            "rank": np.tile(np.arange(width), count),
            "feature": pa.array(names[place.ravel()].tolist(), pa.string()),
            "feature_value": pa.array(shown.ravel().tolist(), pa.string()),
            "contribution": contribution.ravel(),
            "unit": pa.repeat(pa.scalar("log_odds"), count * width),
        }
    )


def reasons_of_known(label: str, rows: pa.RecordBatch | pa.Table) -> pa.Table:
    """Returns one reason for each row whose outcome is known: no feature moves that."""
    known = rows.column("known_outcome")
    return pa.table(
        {
            **{name: rows.column(name) for name in ("prediction_id", "entity_id")},
            "rank": pa.repeat(pa.scalar(1), rows.num_rows),
            "feature": pa.repeat(pa.scalar(KNOWN), rows.num_rows),
            "feature_value": [f"{label} = {str(value).lower()}" for value in known.to_pylist()],
            "contribution": known.cast(pa.float64()),
            "unit": pa.repeat(pa.scalar("probability"), rows.num_rows),
        }
    )


def _texts(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Returns values as people read them: numbers with four digits, unknown as such."""
    values = column.to_pylist()
    if pa.types.is_floating(column.type):
        values = [None if value is None or value != value else f"{value:.4g}" for value in values]
    return np.array(["unknown" if value is None else value for value in values], dtype=object)
