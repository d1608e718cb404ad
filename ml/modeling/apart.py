"""Gradient boosting in two: rows in which one column is 0 have trees of their own."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


class BoostingApart(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One boosting of the rows in which a column is 0, one of all others.

    A campaign without a pledge shows nothing but its plan, while trees that learn from all rows
    split on the pledges of the others first.
    """

    def __init__(self, boosting: HistGradientBoostingClassifier, column: int) -> None:
        """Takes the settings of both, unfitted, and the place of the column."""
        self.boosting, self.column = boosting, column

    def fit(self, values: Floats, label: npt.NDArray[Any]) -> Self:
        """Fits both; where one would not see both outcomes, one to all rows stands for the two."""
        parts = self._parts(values)
        self.share_ = [float(part.mean()) for part in parts]  # of the rows
        if all(len(np.unique(label[part])) == 2 for part in parts):
            self.boostings_ = [
                clone(self.boosting).fit(values[part], label[part]) for part in parts
            ]
        else:
            self.boostings_ = [clone(self.boosting).fit(values, label)] * 2
        return self

    def predict_proba(self, values: Floats) -> Floats:
        """Returns the probabilities of both outcomes, each row by its part's boosting."""
        found = np.empty((len(values), 2))
        for boosting, part in self.by_part(values):
            if part.any():
                found[part] = boosting.predict_proba(values[part])
        return found

    def by_part(self, values: Floats) -> Iterator[tuple[HistGradientBoostingClassifier, Booleans]]:
        """Returns each boosting with the mask of its rows."""
        return zip(self.boostings_, self._parts(values), strict=True)

    def _parts(self, values: Floats) -> tuple[Booleans, Booleans]:
        is_zero = values[:, self.column] == 0
        return is_zero, ~is_zero
