"""Numbers that people choose: goals, and what a pledge is likely to be.

A sum that somebody has in mind becomes one of the numbers near it, the popular ones rather than the
others. Drawn from a smooth law, goals are then as frequent as their weights. A pledge goes to the
reward whose range it falls into.
"""

from functools import cache

import numpy as np

from generator.arrays import Floats, Ints

# Spread, in log money, of the pull that a round goal has.
GOAL_PULL = 0.2
CELLS = 50
LOWEST, HIGHEST = -1.0, 18.0

# Goals in local money: weights by which US goals come as often as in 11,852 Kickstarter campaigns;
# those above 300,000 are guessed.
GOALS: dict[int, int] = {
    **{1: 60, 10: 8, 20: 6, 25: 3, 50: 3, 100: 18, 150: 9, 200: 20, 250: 30, 300: 58, 350: 29},
    **{400: 75, 450: 41, 500: 682, 550: 37, 600: 138, 650: 39, 700: 54, 750: 75, 800: 91, 850: 29},
    **{900: 34, 950: 8, 999: 12, 1000: 502, 1100: 22, 1200: 73, 1250: 17, 1300: 13, 1400: 15},
    **{1500: 245, 1600: 19, 1650: 5, 1700: 6, 1750: 10, 1800: 20, 2000: 358, 2100: 8, 2200: 16},
    **{2300: 10, 2400: 11, 2500: 319, 2600: 5, 2700: 16, 2750: 8, 2800: 12, 3000: 502, 3200: 20},
    **{3300: 22, 3500: 253, 3600: 14, 3750: 9, 3800: 11, 4000: 319, 4200: 9, 4500: 112, 4800: 15},
    **{5000: 1314, 5500: 108, 5700: 11, 6000: 279, 6200: 8, 6500: 99, 7000: 185, 7500: 195},
    **{8000: 230, 8500: 65, 9000: 63, 9500: 26, 10000: 927, 10500: 12, 11000: 36, 11500: 4},
    **{12000: 154, 12500: 45, 13000: 23, 13500: 3, 14000: 30, 14500: 6, 15000: 461, 16000: 31},
    **{16500: 8, 17000: 23, 17500: 13, 18000: 59, 19000: 11, 19500: 9, 20000: 448, 21000: 12},
    **{22000: 19, 24000: 13, 25000: 311, 27000: 8, 28000: 14, 30000: 189, 32000: 8, 35000: 69},
    **{36000: 6, 37000: 6, 38000: 6, 40000: 61, 42000: 5, 45000: 20, 48000: 4, 50000: 148},
    **{55000: 12, 60000: 28, 65000: 10, 70000: 11, 75000: 18, 80000: 4, 85000: 5, 90000: 3},
    **{100000: 21, 120000: 1, 125000: 2, 150000: 3, 200000: 2, 250000: 2, 300000: 1, 350000: 1},
    **{400000: 1, 500000: 1, 600000: 1, 750000: 1, 1000000: 1, 1500000: 1, 2000000: 1, 5000000: 1},
    **{10000000: 1},
}

# Rewards, each with the largest sum in mind that goes to it: by these, single pledges are as often
# at each price as in 1,017 campaigns with one pledge; beyond 500, where few were counted, guessed.
PRICES: dict[int, float] = {
    **{1: 1.5, 2: 2.7, 3: 3.8, 5: 5.5, 10: 17, 15: 19.3, 20: 24, 25: 40, 30: 44.5, 35: 46},
    **{40: 48, 50: 67, 60: 71, 75: 80, 100: 137, 125: 148, 150: 180, 200: 208, 250: 270, 300: 350},
    **{500: 640, 750: 820, 1000: 1500, 2000: 2200, 2500: 3500, 5000: 6500, 7500: 8600},
    10000: 12500,
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
    distance = (middle[:, None] - np.log(list(GOALS))) / GOAL_PULL
    pull = np.log(list(GOALS.values())) - distance**2 / 2
    chance = np.exp(pull - pull.max(axis=1, keepdims=True))
    total: Floats = np.cumsum(chance, axis=1)
    total /= total[:, -1:]
    return total


def prices_by_cell(cells: int) -> Ints:
    """Returns the reward in cents that a pledge of each size goes to, in cells of 1 / `cells`.

    The first cell begins at a size of 1, the last one ends with the sums of the dearest reward.
    """
    size = np.arange(0.5, np.log(PRICES[max(PRICES)]) * cells) / cells
    place = np.searchsorted(np.log(list(PRICES.values())), size)
    cents: Ints = np.array(list(PRICES), dtype=np.int64)[place] * 100
    return cents
