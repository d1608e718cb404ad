"""What the platform lists: categories, countries, campaign lengths, price tiers, rhythms.

The shares, goals and pledge sizes are those of 34,198 Kickstarter campaigns of 2009-2017;
`demand_offset` and `tail` were fitted so that the simulated campaigns match success and overfunding
by category.
"""

from typing import NamedTuple

import numpy as np

from generator.arrays import Floats


class Category(NamedTuple):
    """One category: its share of launches and what sets its campaigns apart."""

    name: str
    share: float  # of launches
    goal_median: float  # money
    goal_sd: float  # of its log goals, but for the tails
    demand_offset: float  # added to the campaign score
    pledge_offset: float  # log ratio of its typical pledge to that of all campaigns
    tail: float  # slope of demand beyond the goal, relative to the average category
    friends_offset: float  # log ratio of the creators' friends who pledge to that of all
    price_spread: float  # spread of pledges between projects to that of all
    rescue_offset: float  # added to the funding ratio that makes a late rescue likely
    days_tilt: float  # change of a campaign length's log weight per log of days
    month_offset: float  # log ratio of campaigns of 30 days to those of all
    long_offset: float  # the same of more than 60 days


TABLE = (
    ("Art", 0.0781, 2740, 1.52, -0.30, 0.13, 0.91, 0.53, 0.89, -0.02, -0.04, -0.09, 0.36),
    ("Comics", 0.0303, 3760, 1.27, 0.48, -0.31, 1.06, 0.26, 1.01, -0.03, 0.01, 0.13, -0.12),
    ("Crafts", 0.0229, 1840, 1.53, -0.95, -0.11, 1.54, 0.26, 1.13, 0.04, 0.14, 0.03, -1.06),
    ("Dance", 0.0101, 3350, 1.05, 0.67, 0.18, 0.05, 0.60, 0.95, 0.00, -0.07, -0.03, -0.62),
    ("Design", 0.0776, 10600, 1.42, -0.28, 0.20, 2.04, 1.54, 1.12, 0.11, -0.16, -0.16, -0.89),
    ("Fashion", 0.0583, 5500, 1.34, -0.86, 0.17, 1.56, 0.67, 1.19, 0.04, 0.07, -0.02, -0.65),
    ("Film & Video", 0.1723, 6830, 1.55, -0.25, 0.05, 0.39, 0.03, 0.84, -0.09, 0.17, -0.11, 1.46),
    ("Food", 0.0638, 10770, 1.40, -0.42, 0.02, 0.54, 0.24, 0.56, 0.03, -0.02, 0.23, -0.57),
    ("Games", 0.0854, 7670, 1.66, 0.03, -0.32, 2.03, 0.76, 0.85, 0.03, -0.20, 0.10, -1.45),
    ("Journalism", 0.0105, 4620, 1.50, -0.74, -0.20, 0.20, 0.26, 1.11, 0.05, 0.06, 0.05, 0.77),
    ("Music", 0.1404, 3480, 1.20, 0.35, -0.03, 0.42, -0.57, 0.68, -0.05, 0.29, -0.09, 0.87),
    ("Photography", 0.0293, 3710, 1.49, -0.32, 0.18, 1.20, 0.29, 0.93, 0.06, 0.26, 0.06, 1.51),
    ("Publishing", 0.1077, 4240, 1.37, -0.53, -0.15, 0.96, 0.17, 0.40, -0.02, 0.18, 0.29, -0.11),
    ("Technology", 0.0817, 16680, 1.50, -0.63, 0.03, 2.06, 0.30, 1.34, 0.04, 0.03, 0.09, -0.43),
    ("Theater", 0.0317, 3190, 1.24, 0.89, 0.02, -0.07, 0.21, 0.90, -0.04, 0.26, -0.10, 0.56),
    ("Wellness", 0.0, 5000, 1.40, -0.90, -0.30, 1.00, 0.00, 1.00, 0.00, 0.00, 0.00, 0.00),
)
CATEGORIES: tuple[Category, ...] = tuple(Category(*row) for row in TABLE)
# Nobody launches in it but in the scenario of this name.
NEW_CATEGORY = "Wellness"


class Country(NamedTuple):
    """One country: its share of people and what a unit of its money is worth."""

    code: str
    currency: str
    share: float  # of creators and of backers
    exchange_rate: float  # its mean; goals are round in local money, recorded in the platform's
    demand_offset: float  # added to the campaign score


COUNTRIES: tuple[Country, ...] = (
    Country("US", "USD", 0.7882, 1.0, 0.45),
    Country("GB", "GBP", 0.0890, 1.42, 0.42),
    Country("CA", "CAD", 0.0382, 0.80, -0.1),
    Country("AU", "AUD", 0.0194, 0.77, -0.25),
    Country("DE", "EUR", 0.0103, 1.13, -0.3),
    Country("IT", "EUR", 0.0078, 1.13, -0.7),
    Country("FR", "EUR", 0.0075, 1.13, -0.1),
    Country("NL", "EUR", 0.0070, 1.13, -0.3),
    Country("ES", "EUR", 0.0052, 1.13, -0.35),
    Country("MX", "MXN", 0.0049, 0.054, -0.2),
    Country("SE", "SEK", 0.0046, 0.115, -0.2),
    Country("NZ", "NZD", 0.0035, 0.70, -0.1),
)


class Duration(NamedTuple):
    """A band of campaign lengths, both ends included."""

    first_day: int
    last_day: int
    share: float  # of campaigns with a typical goal
    goal_tilt: float  # change of the log weight per unit of log goal
    demand_offset: float  # added to the campaign score


DURATIONS: tuple[Duration, ...] = (
    Duration(1, 7, 0.0058, -0.64, -0.62),
    Duration(8, 14, 0.0205, -0.51, -0.10),
    Duration(15, 15, 0.0137, -0.41, -0.38),
    Duration(16, 20, 0.0329, -0.33, -0.17),
    Duration(21, 21, 0.0149, -0.21, 0.06),
    Duration(22, 25, 0.0356, -0.18, 0.04),
    Duration(26, 28, 0.0315, -0.04, 0.04),
    Duration(29, 29, 0.0192, 0.05, -0.00),
    Duration(30, 30, 0.4653, 0.00, -0.63),
    Duration(31, 31, 0.0343, 0.15, 0.28),
    Duration(32, 35, 0.0680, 0.13, 0.15),
    Duration(36, 40, 0.0530, 0.11, -0.04),
    Duration(41, 44, 0.0200, 0.12, -0.07),
    Duration(45, 45, 0.0443, 0.24, -0.65),
    Duration(46, 50, 0.0191, 0.16, -0.20),
    Duration(51, 59, 0.0218, 0.06, -0.75),
    Duration(60, 60, 0.0841, 0.21, -1.31),
    Duration(61, 92, 0.0090, -0.02, -0.62),
)

# Campaigns of 1 to 92 days among 14,986 of Kickstarter; 3 stands where fewer than 8 were counted.
DAYS: tuple[int, ...] = (
    *(3, 3, 10, 9, 19, 15, 74, 36, 23, 99, 24, 39, 34, 151, 242, 93, 64, 67, 37, 277, 227, 104),
    *(97, 102, 232, 107, 130, 219, 279, 6740, 513, 264, 237, 126, 382, 128, 109, 94, 61, 391, 81),
    *(87, 62, 66, 693, 81, 33, 34, 39, 100, 37, 26, 33, 34, 36, 29, 26, 31, 66, 1294, 23, 8, 3, 3),
    *(3, 11, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 16, 75, 26, 3),
)

STRATEGIES: tuple[str, ...] = ("equal_tranches", "front_loaded", "back_loaded", "holdback_20")

# Launches by month, by weekday (Monday first) and by hour of day (UTC).
LAUNCH_MONTHS: tuple[float, ...] = (
    *(0.0724, 0.0789, 0.0893, 0.0868, 0.0897, 0.0869),
    *(0.0945, 0.0860, 0.0825, 0.0893, 0.0882, 0.0555),
)
LAUNCH_WEEKDAYS: tuple[float, ...] = (0.1637, 0.2041, 0.1789, 0.1633, 0.1497, 0.0840, 0.0563)
LAUNCH_HOURS: tuple[float, ...] = (
    *(0.0583, 0.0549, 0.0436, 0.0397, 0.0341, 0.0293, 0.0285, 0.0214),
    *(0.0165, 0.0210, 0.0150, 0.0135, 0.0173, 0.0205, 0.0280, 0.0386),
    *(0.0497, 0.0654, 0.0713, 0.0710, 0.0663, 0.0660, 0.0664, 0.0636),
)

# What season and weekday of the launch add to the campaign score: log odds of success against all.
MONTH_OFFSETS: tuple[float, ...] = (
    *(-0.03, 0.0, 0.10, 0.03, 0.01, -0.02),
    *(-0.18, -0.10, 0.01, 0.13, 0.10, -0.10),
)
WEEKDAY_OFFSETS: tuple[float, ...] = (0.01, 0.05, 0.02, 0.03, -0.07, -0.15, 0.03)

# Gifts by hour of day (UTC), from 289,704 donations; and by weekday (Monday first), a mild guess.
PLEDGE_HOURS: tuple[float, ...] = (
    *(0.0611, 0.0622, 0.0704, 0.0683, 0.0609, 0.0584, 0.0441, 0.0325),
    *(0.0294, 0.0270, 0.0178, 0.0148, 0.0148, 0.0150, 0.0190, 0.0225),
    *(0.0266, 0.0410, 0.0421, 0.0451, 0.0476, 0.0581, 0.0594, 0.0618),
)
PLEDGE_WEEKDAYS: tuple[float, ...] = (1.05, 1.10, 1.08, 1.05, 1.02, 0.85, 0.85)


def category_values(field: str) -> Floats:
    """Returns one numeric field of all categories, in catalogue order."""
    return np.array([getattr(category, field) for category in CATEGORIES], dtype=np.float64)


def country_values(field: str) -> Floats:
    """Returns one numeric field of all countries, in catalogue order."""
    return np.array([getattr(country, field) for country in COUNTRIES], dtype=np.float64)
