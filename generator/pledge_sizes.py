"""How large pledges are: reward prices, free sums, tokens, and what closes a gap at the end."""

from functools import cache

import numpy as np

from generator import catalogue, keyed_random
from generator.arrays import Bools, Floats, Ints, normal_quantile
from generator.config import SimulationConfig
from generator.launches import TYPICAL_LOG_GOAL
from generator.round_numbers import prices_by_cell

AMOUNT = 1
# From this cap on a platform is no small one.
FULL_CAP = 500
# Pledges off the reward prices: four in five are whole money.
CENTS_SHARE = 0.05
# Tokens of one unit of money; the rest are five.
SMALLEST_TOKENS = 0.82
# Rewards in cents by log money in fine cells: looked up ten times as fast as searched for.
PRICE_CELLS = 512
PRICES = prices_by_cell(PRICE_CELLS)
# A pledge that closes the gap goes beyond it by up to this part, to the next multiple of 5.
TOP_UP_EXCESS = 0.1
TOP_UP_UNIT = 500


def typical_pledges(
    config: SimulationConfig,
    category: Ints,
    log_goal: Floats,
    liveliness: Floats,
    circle: Floats,
    pledge_cap: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draws the logs of median pledges, and of how dear each project is among its like."""
    drawn = rng.standard_normal(len(category))
    spread = config.dead_price_sd + liveliness * (config.pledge_project_sd - config.dead_price_sd)
    goal = log_goal - TYPICAL_LOG_GOAL
    spread *= catalogue.category_values("price_spread")[category]
    spread *= np.exp(config.price_goal_spread * goal)
    price = spread * drawn * np.exp(config.price_tail * drawn**2 / 2)
    slope = config.dead_goal_slope + liveliness * (
        config.pledge_goal_slope - config.dead_goal_slope
    )
    log_median = (
        config.pledge_level
        + slope * goal
        + config.large_goal_pledges * np.maximum(goal, 0.0) ** 2
        + catalogue.category_values("pledge_offset")[category]
        + price
        + (config.friends_price * circle - config.dead_pledge_drop) * (1 - liveliness)
        + config.small_platform_slope * np.log(min(pledge_cap / FULL_CAP, 1.0))
    )
    return log_median, price


@cache
def _law(spread: float) -> Floats:
    """Returns equally likely logs of a pledge over the median."""
    law: Floats = spread * normal_quantile((np.arange(1 << 16) + 0.5) / (1 << 16))
    return law


def mean_factor(config: SimulationConfig) -> float:
    """Returns the mean of a project's pledges, but for tokens, over their median."""
    return float(np.exp(_law(config.pledge_sd)).mean())


def pledge_amounts(
    config: SimulationConfig, log_median: Floats, token_share: Floats, key: keyed_random.Keys
) -> Ints:
    """Draws pledges in cents: mostly reward prices, some free sums, a few tokens."""
    deviation, kind, tokens = keyed_random.marks(key, AMOUNT, _law(config.pledge_sd))
    size = log_median + deviation
    cell = np.minimum(np.maximum(size * PRICE_CELLS, 0.0), len(PRICES) - 1)
    amount = PRICES[cell.astype(np.int64)]
    # Beyond the dearest reward a pledge is a free sum, or a small platform would lose money.
    free = np.flatnonzero((kind >= config.tier_share) | (size * PRICE_CELLS > len(PRICES)))
    exact = np.maximum(np.exp(np.minimum(size[free], 14.0)) * 100, 100.0)
    whole = np.round(exact / 100) * 100
    amount[free] = np.where(kind[free] > 1 - CENTS_SHARE, np.round(exact), whole)
    given = np.flatnonzero(tokens < token_share)
    amount[given] = np.where(tokens[given] < SMALLEST_TOKENS * token_share[given], 100, 500)
    return amount


def topped_up(
    config: SimulationConfig, goal: Ints, raised: Ints, may_pledge: Bools, drawn: Floats
) -> tuple[Ints, Ints]:
    """Returns the campaigns whose creators close the gap in this step, and the pledges they make.

    The larger the gap, the fewer can afford it. Some close it to the cent, others go beyond.
    """
    is_close = (raised > config.top_up_from * goal) & (raised < goal) & may_pledge
    close = np.flatnonzero(is_close)
    gap = (goal - raised)[close]
    chance = config.top_up_share * np.exp(-gap / (100 * config.top_up_means))
    is_done = drawn[close] < chance
    gap, place = gap[is_done], drawn[close][is_done] / chance[is_done]
    generous = gap * (1 + TOP_UP_EXCESS * place)
    rounded = np.ceil(generous / TOP_UP_UNIT).astype(np.int64) * TOP_UP_UNIT
    return close[is_done], np.where(place < config.top_up_exact, gap, rounded)
