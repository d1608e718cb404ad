"""Chance that belongs to a row: the same event draws the same number in every world of a seed.

A stream hands its numbers out in turn, so one pledge more shifts all that follow. Here a number
is computed from a key of its row instead, and worlds that differ in one thing stay comparable.
"""

import numpy as np
from numpy.typing import NDArray

from generator.arrays import Floats, Ints, normal_quantile

Keys = NDArray[np.uint64]

# Constants of SplitMix64 (Steele, Lea and Flood 2014).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
HALF = np.uint64(32)
# From this mean on, the Cornish-Fisher quantile of the Poisson law misses less than one in 1,000.
LARGE_MEAN = 12.0
SMALLEST_TERM = 1e-17
CHUNK = 1 << 15


def bits(key: Keys, purpose: int) -> Keys:
    """Returns 64 random bits per key, by SplitMix64."""
    offset = np.uint64(purpose * 0xD1342543DE82EF95 % 2**64)
    mixed = np.empty_like(key)
    for begin in range(0, len(key), CHUNK):
        part = key[begin : begin + CHUNK] + offset
        part ^= part >> np.uint64(30)
        part *= FIRST_FACTOR
        part ^= part >> np.uint64(27)
        part *= SECOND_FACTOR
        part ^= part >> np.uint64(31)
        mixed[begin : begin + CHUNK] = part
    return mixed


def uniform(key: Keys, purpose: int) -> Floats:
    """Returns a number in [0, 1) per key."""
    drawn: Floats = (bits(key, purpose) >> np.uint64(11)) * np.float64(2.0**-53)
    return drawn


def two_uniforms(key: Keys, purpose: int) -> tuple[Floats, Floats]:
    """Returns two numbers in (0, 1) per key, each with 32 random bits."""
    both = bits(key, purpose)
    high: Floats = ((both >> HALF) + np.float64(0.5)) * 2.0**-32
    low: Floats = ((both & np.uint64(0xFFFFFFFF)) + np.float64(0.5)) * 2.0**-32
    return high, low


def normal(key: Keys, purpose: int) -> Floats:
    """Returns a standard normal number per key (Box and Muller 1958)."""
    radius, angle = two_uniforms(key, purpose)
    drawn: Floats = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    return drawn


def poisson_quantile(drawn: Floats, mean: Floats) -> Ints:
    """Turns uniform numbers into Poisson counts; a larger mean never makes a smaller count."""
    count = np.zeros(len(mean), dtype=np.int64)
    is_large = mean >= LARGE_MEAN
    term = np.exp(-np.minimum(mean, LARGE_MEAN))
    rows = np.flatnonzero((drawn > term) & ~is_large)
    level, term, rate = drawn[rows], term[rows], mean[rows]
    total, number = term.copy(), 0
    while len(rows):
        number += 1
        term = term * rate / number
        total = total + term
        # Far out the sum grows no more, and by rounding may never reach the level.
        goes_on = (level > total) & ((number < rate) | (term > SMALLEST_TERM))
        count[rows[~goes_on]] = number
        rows, level, term = rows[goes_on], level[goes_on], term[goes_on]
        total, rate = total[goes_on], rate[goes_on]
    large = np.flatnonzero(is_large)
    if len(large):
        count[large] = _large_poisson(drawn[large], mean[large])
    return count


def _large_poisson(drawn: Floats, mean: Floats) -> Ints:
    z = normal_quantile(drawn)
    root = np.sqrt(mean)
    value = mean + root * z + (z * z - 1) / 6 + (z - z**3) / (72 * root)
    count: Ints = np.maximum(np.round(value), 0.0).astype(np.int64)
    return count
