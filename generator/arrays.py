"""Array types, and the two idioms for rows that belong to groups of unequal size."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
PART = 1 << 14
GOLDEN_SECTION = (5**0.5 - 1) / 2


def in_parts(function: Callable[..., Any], *columns: Any) -> Any:
    """Applies a function row by row, by parts that fit into a processor's cache.

    Long chains of simple arithmetic are four times as fast that way.

    Args:
        function: Takes a part of each column and returns an array of one element per row.
        columns: Arrays of one length.
    """
    count = len(columns[0])
    parts = [
        function(*(column[begin : begin + PART] for column in columns))
        for begin in range(0, max(count, 1), PART)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def members(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Lists all members of groups stored one after another.

    Args:
        starts: Row of the first member of each group, shape (groups,).
        sizes: Number of members of each group, shape (groups,).

    Returns:
        For each member, group by group: the group's position and the member's row.

    Example:
        >>> members(np.array([10, 20]), np.array([1, 2]))
        (array([0, 1, 1]), array([10, 20, 21]))
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    first = np.cumsum(sizes) - sizes
    return group, starts[group] + np.arange(len(group)) - first[group]


def place_in_group(group: Ints) -> Ints:
    """Numbers the rows of each group from 0; equal groups must stand together.

    Example:
        >>> place_in_group(np.array([3, 3, 5, 5, 5]))
        array([0, 1, 0, 1, 2])
    """
    rows = np.arange(len(group))
    is_first = np.ones(len(group), dtype=np.bool_)
    is_first[1:] = group[1:] != group[:-1]
    return rows - np.maximum.accumulate(np.where(is_first, rows, 0))


def ascending(values: Ints) -> Ints:
    """Returns the positions that put values in rising order, equal ones as they stand.

    Sorts by 16 bits at a time, which NumPy does in linear time: twice as fast as a stable argsort.

    Example:
        >>> ascending(np.array([5, -70_000, 5, 0]))
        array([1, 3, 0, 2])
    """
    above = values - (values.min() if len(values) else 0)
    order: Ints = np.argsort(above.astype(np.uint16), kind="stable")
    for shift in range(16, int(above.max(initial=0)).bit_length(), 16):
        part = (above >> shift).astype(np.uint16)
        order = order[np.argsort(part[order], kind="stable")]
    return order


def even_uniform(rng: np.random.Generator, size: int) -> Floats:
    """Draws one number from each of `size` equal parts of [0, 1), in random order.

    A small platform then has its fair share of able creators and appealing projects.
    """
    return (rng.permutation(size) + rng.random(size)) / size


def even_normal(rng: np.random.Generator, group: Ints) -> Floats:
    """Draws one standard normal number per row, spread evenly over the rows of each group.

    In random order within the group each row is a golden section farther than the one before
    (Weyl's sequence): so any run of rows fills [0, 1) more evenly than independent draws would.
    """
    count = len(group)
    order = np.lexsort((rng.random(count), group))
    drawn = np.empty(count)
    drawn[order] = (rng.random() + np.arange(count) * GOLDEN_SECTION) % 1.0
    return normal_quantile(drawn)


def normal_quantile(drawn: Floats) -> Floats:
    """Turns uniform numbers into standard normal ones, from -6 to 6."""
    return np.interp(drawn, *_normal_law())


@cache
def _normal_law() -> tuple[Floats, Floats]:
    grid = np.linspace(-6.0, 6.0, 4801)
    middle = (grid[1:] + grid[:-1]) / 2
    total = np.concatenate([[0.0], np.cumsum(np.exp(-(middle**2) / 2))])
    return total / total[-1], grid


def weighted_choice(weights: Any, drawn: Floats) -> Ints:
    """Turns uniform numbers `drawn` into positions, in proportion to `weights`."""
    total = np.cumsum(np.asarray(weights, dtype=np.float64))
    position: Ints = np.searchsorted(total, drawn * total[-1], side="right")
    return position.clip(max=len(total) - 1)


def logistic(value: Any) -> Floats:
    """Maps the log odds `value` to a probability, without overflow."""
    odds: Floats = 1.0 / (1.0 + np.exp(-np.clip(value, -40.0, 40.0)))
    return odds
