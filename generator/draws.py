"""Weighted draws among ranges of a long list, in constant time per draw."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import Floats, Ints

STEPS = 4
CELLS_PER_ITEM = 2


@dataclass(frozen=True, slots=True)
class WeightedDraw:
    """A list of weighted items, with a guide table (Chen and Asau 1974) into their running sums.

    Attributes:
        running: Sum of the weights before each item, and of all, shape (items + 1,).
        guide: The item at the low end of each of many equal cells of the total.
    """

    running: Floats
    guide: Ints

    def draw(self, first: Ints, after: Ints, drawn: Floats) -> Ints:
        """Turns uniform numbers into items `first` .. `after - 1`, in proportion to the weights."""
        low = self.running[first]
        level = low + drawn * (self.running[after] - low)
        item = self.guide[_cell(level, self.running[-1], len(self.guide))]
        behind = np.flatnonzero(self.running[item + 1] <= level)
        for _ in range(STEPS):
            item[behind] += 1
            behind = behind[self.running[item[behind] + 1] <= level[behind]]
        if len(behind):
            item[behind] = np.searchsorted(self.running, level[behind], "right") - 1
        chosen: Ints = np.clip(item, first, after - 1)
        return chosen


def weighted_draw(weights: Floats) -> WeightedDraw:
    """Prepares draws among items with these positive weights."""
    running = np.concatenate([[0.0], np.cumsum(weights)])
    cells = CELLS_PER_ITEM * len(weights)
    # An item that begins in an earlier cell begins before all levels of this one.
    begun = np.cumsum(np.bincount(_cell(running[:-1], running[-1], cells), minlength=cells))
    return WeightedDraw(running=running, guide=np.concatenate([[0], begun[:-1] - 1]))


def _cell(level: Floats, total: float, cells: int) -> Ints:
    cell: Ints = (level * (cells / total)).astype(np.int64)
    return np.minimum(cell, cells - 1)
