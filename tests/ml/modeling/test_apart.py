"""Boosting in two: the rows in which a column is 0 are learned from apart from the others."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.modeling.apart import BoostingApart

COLUMN = 1
BOOSTING = HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=5, random_state=1)


def made(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.normal(size=400), rng.integers(0, 3, 400)])
    label = rng.random(400) < 1 / (1 + np.exp(-values[:, 0]))
    return values, label, values[:, COLUMN] == 0


def test_outcomes_of_the_others_do_not_move_what_is_said_of_the_rows_at_zero() -> None:
    values, label, is_zero = made()
    before = BoostingApart(BOOSTING, COLUMN).fit(values, label).predict_proba(values)
    after = BoostingApart(BOOSTING, COLUMN).fit(values, label ^ ~is_zero).predict_proba(values)
    assert np.array_equal(before[is_zero], after[is_zero])
    assert not np.isclose(before[~is_zero], after[~is_zero]).any()


@pytest.mark.parametrize("alone", [True, False])
def test_without_both_outcomes_in_each_part_all_rows_are_learned_from(alone: bool) -> None:
    values, label, is_zero = made()
    if alone:  # no row at zero
        values, label, is_zero = values[~is_zero], label[~is_zero], is_zero[~is_zero]
    label = label & ~is_zero
    found = BoostingApart(BOOSTING, COLUMN).fit(values, label).predict_proba(values)
    expected = BOOSTING.fit(values, label).predict_proba(values)
    assert np.array_equal(found, expected)


def test_a_row_alone_gets_the_probability_that_it_has_in_a_batch() -> None:
    values, label, _ = made()
    fitted = BoostingApart(BOOSTING, COLUMN).fit(values, label)
    alone = [fitted.predict_proba(values[[place]])[0] for place in range(20)]
    assert np.array_equal(alone, fitted.predict_proba(values[:20]))
