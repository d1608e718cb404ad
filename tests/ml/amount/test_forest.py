"""The quantile forest: quantiles of the rows alike, the same in any company."""

import dataclasses

import numpy as np
import pandas as pd

from ml.amount import forest
from ml.settings import Features
from tests.ml.amount.conftest import cheap

NAMES = Features(("number",), ("word",))


def made(count: int = 2000) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    word = rng.choice(np.array(["narrow", "wide", None], dtype=object), count)
    number = np.where(rng.random(count) < 0.2, np.nan, rng.random(count))
    mean, spread = (np.where(word == "wide", value, other) for value, other in ((10, 0), (3, 1)))
    return pd.DataFrame({"number": number, "word": word}), mean + spread * rng.normal(size=count)


def test_quantiles_are_those_of_the_rows_alike() -> None:
    features, values = made()
    large_leaves = dataclasses.replace(cheap().forest, min_samples_leaf=300, draws_per_leaf=100)
    fitted = forest.fit(features, NAMES, values, large_leaves, 5)
    asked = pd.DataFrame({"number": [0.5, 0.5], "word": ["narrow", "wide"]})
    found = forest.quantiles(fitted, asked)
    assert np.allclose(found, [[-1.64, 0, 1.64], [5.07, 10, 14.93]], atol=0.6)


def test_a_row_has_the_same_quantiles_alone_and_after_a_second_fit() -> None:
    features, values = made()
    whole = forest.quantiles(forest.fit(features, NAMES, values, cheap().forest, 5), features)
    again = forest.fit(features, NAMES, values, cheap().forest, 5)
    alone = np.vstack([forest.quantiles(again, features.iloc[[row]]) for row in (0, 7, 1999)])
    assert (alone == whole[[0, 7, 1999]]).all()


def test_an_unknown_category_and_a_column_that_is_never_known_are_no_errors() -> None:
    features, values = made(200)
    features["number"] = np.nan
    fitted = forest.fit(features, NAMES, values, cheap().forest, 5)
    asked = pd.DataFrame({"number": [0.5], "word": ["new"]})
    assert np.isfinite(forest.quantiles(fitted, asked)).all()
