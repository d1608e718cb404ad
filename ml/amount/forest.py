"""A forest that gives quantiles: those of the training values that share leaves with a row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer

from ml.amount.settings import Forest
from ml.modeling import estimators
from ml.settings import Features

Floats = npt.NDArray[np.float64]

LEVELS = (0.05, 0.5, 0.95)
_BLOCK = 4096  # rows at a time: bounds the memory


@dataclass(frozen=True, slots=True)
class QuantileForest:
    """A fitted forest.

    Attributes:
        columns: From the features to the numbers that the trees read.
        trees: The forest.
        draws: Of each tree, by node: training values drawn from it. Only leaves are ever asked.
    """

    columns: ColumnTransformer
    trees: RandomForestRegressor
    draws: list[Floats]


def fit(
    features: pd.DataFrame, names: Features, values: Floats, settings: Forest, seed: int
) -> QuantileForest:
    """Fits a forest to the values; equal rows in equal order give an equal forest, to the bit.

    The quantiles are those of Meinshausen (Quantile regression forests, 2006), over a few draws of
    each leaf instead of all its values: what has to be kept does not grow with the rows.
    """
    columns = _columns(names)
    numbers = columns.fit_transform(features)
    trees = RandomForestRegressor(
        n_estimators=settings.n_estimators,
        min_samples_leaf=settings.min_samples_leaf,
        max_features=settings.max_features,
        max_samples=min(settings.max_samples, len(values)),
        random_state=seed,
        n_jobs=1,
    ).fit(numbers, values)
    rng = np.random.default_rng(seed)
    leaves = trees.apply(numbers)
    draws = [
        _drawn(leaves[:, place], tree.tree_.node_count, values, settings.draws_per_leaf, rng)
        for place, tree in enumerate(trees.estimators_)
    ]
    return QuantileForest(columns, trees, draws)


def _drawn(
    leaf: npt.NDArray[np.int64],
    node_count: int,
    values: Floats,
    count: int,
    rng: np.random.Generator,
) -> Floats:
    """Returns values drawn from each leaf, one line per node."""
    order = np.argsort(leaf, kind="stable")
    nodes, first, sizes = np.unique(leaf[order], return_index=True, return_counts=True)
    picked = first[:, None] + np.floor(rng.random((len(nodes), count)) * sizes[:, None])
    drawn = np.full((node_count, count), np.nan)
    drawn[nodes] = values[order][picked.astype(np.int64)]
    return drawn


def quantiles(fitted: QuantileForest, features: pd.DataFrame) -> Floats:
    """Returns the quantiles of LEVELS for each row, the same alone as in any batch."""
    found = np.empty((len(features), len(LEVELS)))
    for start in range(0, len(features), _BLOCK):
        block = slice(start, start + _BLOCK)
        leaves = fitted.trees.apply(fitted.columns.transform(features.iloc[block]))
        met = [drawn[leaves[:, place]] for place, drawn in enumerate(fitted.draws)]
        found[block] = np.quantile(np.concatenate(met, axis=1), LEVELS, axis=1).T
    return found


def _columns(names: Features) -> ColumnTransformer:
    """Trees need no scaling; below all known values, an unknown one has a side of its own."""
    unknown = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    return ColumnTransformer(
        [
            ("numeric", unknown, list(names.numeric)),
            ("categorical", estimators.encoder(), list(names.categorical)),
        ]
    )
