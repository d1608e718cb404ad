"""Random numbers keyed by row: the same event draws the same number in every world of a seed.

A stream hands its numbers out in turn, so one pledge more shifts all that follow. Here a number
is computed from a key of its row instead, and worlds that differ in one thing stay comparable.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from generator.arrays import Floats, Ints, normal_quantile

Keys = NDArray[np.uint64]

# Constants of SplitMix64 (Steele, Lea and Flood 2014).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
MARK_BITS, MARK_MASK = np.uint64(24), np.uint64(0xFFFFFF)
# From this mean on the Poisson quantile is a series, wrong by one in fewer than one case in 1,000.
LARGE_MEAN = 6.0
# Beyond this level a running sum of terms may never come, by rounding.
HIGHEST_LEVEL = 1 - 1e-13


def bits(key: Keys, purpose: int) -> Keys:
    """Returns 64 random bits per key, by SplitMix64."""
    mixed = key + np.uint64(purpose * 0xD1342543DE82EF95 % 2**64)
    mixed ^= mixed >> np.uint64(30)
    mixed *= FIRST_FACTOR
    mixed ^= mixed >> np.uint64(27)
    mixed *= SECOND_FACTOR
    mixed ^= mixed >> np.uint64(31)
    return mixed


def uniform(key: Keys, purpose: int) -> Floats:
    """Returns a number in [0, 1) per key."""
    drawn: Floats = (bits(key, purpose) >> np.uint64(11)) * np.float64(2.0**-53)
    return drawn


def marks(key: Keys, purpose: int, law: Floats) -> tuple[Floats, Floats, Floats]:
    """Returns three numbers per key, of 16, 24 and 24 random bits: one of a law, two in (0, 1).

    Args:
        key: One per row.
        purpose: What the numbers are for.
        law: 65,536 equally likely values.
    """
    mixed = bits(key, purpose)
    first: Floats = (((mixed >> MARK_BITS) & MARK_MASK) + np.float64(0.5)) * 2.0**-24
    second: Floats = ((mixed & MARK_MASK) + np.float64(0.5)) * 2.0**-24
    return law[mixed >> np.uint64(48)], first, second


def poisson_quantile(drawn: Floats, mean: Floats) -> Ints:
    """Turns uniform numbers into Poisson counts; a larger mean never makes a smaller count."""
    count = np.zeros(len(mean), dtype=np.int64)
    none = np.exp(-np.minimum(mean, LARGE_MEAN))
    is_large = mean >= LARGE_MEAN
    rows = np.flatnonzero((drawn > none) & ~is_large)
    count[rows] = _small_poisson(drawn[rows], mean[rows], none[rows])
    large = np.flatnonzero(is_large)
    if len(large):
        count[large] = _large_poisson(drawn[large], mean[large])
    return count


def _small_poisson(drawn: Floats, mean: Floats, none: Floats) -> Ints:
    """Adds up the terms of the law until they pass `drawn`, which the probability of 0 does not."""
    level, term, total = np.minimum(drawn, HIGHEST_LEVEL), none, none.copy()
    found = np.zeros(len(mean), dtype=np.int64)
    for number in itertools.count(1):
        is_above = level > total
        if not is_above.any():
            break
        found += is_above
        term *= mean
        term /= number
        total += term
    return found


def _large_poisson(drawn: Floats, mean: Floats) -> Ints:
    """Expands the quantile in powers of the mean (Giles 2016, `Q_N3`)."""
    z = normal_quantile(drawn)
    square, root = z * z, np.sqrt(mean)
    value = mean + root * z + 1 / 3 + square / 6 - z * (square + 2) / (72 * root)
    value += (-8 / 405 + square * (7 / 810 + square / 270)) / mean
    count: Ints = np.maximum(value, 0.0).astype(np.int64)
    return count
