"""Numbers that people choose: goals, and what a pledge is likely to be.

A sum that somebody has in mind becomes one of the numbers near it, the popular ones rather than the
others. Drawn from a smooth law, goals are then as frequent as their weights.
"""

from functools import cache

import numpy as np

from generator.arrays import Floats, Ints

# Spread, in log money, of the pull that a round number has: on goals, and on pledges.
GOAL_PULL, PRICE_PULL = 0.2, 0.12
CELLS = 50
LOWEST, HIGHEST = -1.0, 18.0

# Goals in local money: weights by which US goals come as often as in 11,852 Kickstarter campaigns;
# those above 300,000 are guessed.
GOALS: dict[int, int] = {
    **{1: 30, 10: 8, 20: 6, 25: 4, 50: 6, 100: 32, 150: 14, 200: 28, 250: 34, 300: 73, 350: 34},
    **{400: 76, 450: 41, 500: 649, 550: 35, 600: 136, 650: 38, 700: 55, 750: 80, 800: 94},
    **{850: 32, 900: 37, 950: 9, 1000: 565, 1100: 28, 1200: 90, 1250: 21, 1300: 18, 1400: 21},
    **{1500: 297, 1600: 25, 1650: 9, 1700: 11, 1750: 14, 1800: 26, 2000: 428, 2100: 12, 2200: 23},
    **{2300: 15, 2400: 16, 2500: 370, 2600: 8, 2700: 22, 2750: 11, 2800: 16, 3000: 559, 3200: 24},
    **{3300: 25, 3500: 271, 3600: 17, 3750: 11, 3800: 15, 4000: 327, 4200: 11, 4500: 114},
    **{4800: 18, 5000: 1314, 5500: 112, 5700: 12, 6000: 280, 6200: 10, 6500: 101, 7000: 182},
    **{7500: 199, 8000: 231, 8500: 66, 9000: 63, 9500: 28, 10000: 980, 10500: 20, 11000: 44},
    **{11500: 11, 12000: 179, 12500: 54, 13000: 33, 13500: 9, 14000: 39, 14500: 13, 15000: 536},
    **{16000: 39, 16500: 13, 17000: 30, 17500: 18, 18000: 73, 19000: 15, 19500: 13, 20000: 533},
    **{21000: 17, 22000: 26, 24000: 18, 25000: 389, 27000: 12, 28000: 19, 30000: 237, 32000: 11},
    **{35000: 89, 36000: 9, 37000: 9, 38000: 9, 40000: 87, 42000: 7, 45000: 30, 48000: 7},
    **{50000: 232, 55000: 21, 60000: 47, 65000: 19, 70000: 20, 75000: 34, 80000: 8, 85000: 10},
    **{90000: 6, 100000: 57, 120000: 5, 125000: 10, 150000: 20, 200000: 16, 250000: 16, 300000: 8},
    **{350000: 3, 400000: 4, 500000: 10, 600000: 2, 750000: 3, 1000000: 4, 1500000: 2},
    **{2000000: 2, 5000000: 2, 10000000: 1},
}

# Pledges at a reward's price: counts of campaigns with a single pledge, 1,017 of them, up to 100;
# beyond, and where fewer than three were counted, guessed.
PRICES: dict[int, int] = {
    **{1: 20, 2: 4, 3: 9, 5: 60, 8: 4, 10: 124, 12: 3, 15: 31, 18: 3, 20: 53, 25: 124, 28: 6},
    **{30: 23, 35: 10, 40: 10, 45: 4, 50: 65, 55: 7, 60: 7, 65: 4, 75: 16, 80: 4, 85: 3, 100: 47},
    **{120: 3, 125: 6, 150: 10, 175: 3, 200: 10, 250: 12, 300: 6, 350: 3, 400: 3, 500: 12},
    **{600: 1, 750: 2, 1000: 6, 1250: 1, 1500: 2, 2000: 2, 2500: 2, 3500: 1, 5000: 2, 7500: 1},
    10000: 1,
}


def nearby_goals(log_size: Floats, drawn: Floats) -> Floats:
    """Turns uniform numbers into goals near those in mind, whose logarithms are given."""
    cell = np.clip((log_size - LOWEST) * CELLS, 0, (HIGHEST - LOWEST) * CELLS - 1).astype(np.int64)
    total = _goal_chances()[cell]
    place = (total[:, :-1] <= drawn[:, None]).sum(axis=1)
    chosen: Floats = np.array(list(GOALS), dtype=np.float64)[place]
    return chosen


@cache
def _goal_chances() -> Floats:
    """Returns the running sums of the chances of all goals, one row per cell of the log size."""
    middle = np.arange(LOWEST, HIGHEST, 1 / CELLS) + 0.5 / CELLS
    pull = _pull(GOALS, middle, GOAL_PULL)
    chance = np.exp(pull - pull.max(axis=1, keepdims=True))
    total: Floats = np.cumsum(chance, axis=1)
    total /= total[:, -1:]
    return total


def _pull(numbers: dict[int, int], log_size: Floats, spread: float) -> Floats:
    """Returns the log weight of each number for each size, shape (sizes, numbers)."""
    distance = (log_size[:, None] - np.log(list(numbers))) / spread
    pull: Floats = np.log(list(numbers.values())) - distance**2 / 2
    return pull


def prices_by_cell(cells: int) -> Ints:
    """Returns the reward in cents that a pledge of each size goes to, in cells of 1 / `cells`.

    The first cell begins at a size of 1, the last one ends a quarter above the dearest reward.
    """
    size = np.arange(0.5, (np.log(max(PRICES)) + 0.25) * cells) / cells
    cents: Ints = (
        np.array(list(PRICES), dtype=np.int64)[_pull(PRICES, size, PRICE_PULL).argmax(axis=1)] * 100
    )
    return cents
