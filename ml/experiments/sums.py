"""Exact sums over the backers of one arm, and the means and variances that follow.

All sums are of whole numbers (views, conversions, cents, products of these): exact, so the same in
every run however many threads add them up.
"""

from collections.abc import Iterable

from tea_tasting.aggr import Aggregates

# What is summed over backers; money in cents.
COLUMNS = ("views", "conversions", "amount", "pre", "shown", "elsewhere", "net")
PAIRS = tuple((left, right) for place, left in enumerate(COLUMNS) for right in COLUMNS[place:])
_PLACES = {pair: place for place, pair in enumerate(PAIRS)}


class Sums:
    """Exact sums over the backers of one arm."""

    def __init__(self) -> None:
        """Begins with nobody."""
        self.count = 0
        self._totals = [0] * len(COLUMNS)
        self._products = [0] * len(PAIRS)

    def add(self, count: int, values: Iterable[int]) -> None:
        """Adds backers: their number, their totals, then their products."""
        added = list(values)
        self.count += count
        split = len(COLUMNS)
        self._totals = [a + b for a, b in zip(self._totals, added[:split], strict=True)]
        self._products = [a + b for a, b in zip(self._products, added[split:], strict=True)]

    def merge(self, other: "Sums") -> None:
        """Adds the backers of other sums."""
        self.add(other.count, [*other._totals, *other._products])

    def copy(self) -> "Sums":
        """Returns the sums as they are now."""
        other = Sums()
        other.merge(self)
        return other

    def total(self, column: str) -> int:
        """Returns the sum of one column."""
        return self._totals[COLUMNS.index(column)]

    def aggregates(self, columns: tuple[str, ...]) -> Aggregates:
        """Returns means, variances and covariances; they take two backers at least."""
        pairs = [(left, right) for place, left in enumerate(columns) for right in columns[place:]]
        spread = {pair: self._covariance(*pair) for pair in pairs}
        return Aggregates(
            count_=self.count,
            mean_={name: self.total(name) / self.count for name in columns},
            var_={left: value for (left, right), value in spread.items() if left == right},
            cov_={pair: value for pair, value in spread.items() if pair[0] != pair[1]},
        )

    def _covariance(self, left: str, right: str) -> float:
        pair = (left, right) if (left, right) in _PLACES else (right, left)
        product = self._products[_PLACES[pair]]
        spread = product * self.count - self.total(left) * self.total(right)
        return spread / (self.count * (self.count - 1))
