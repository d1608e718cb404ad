"""What a unit of local money is worth in the platform's: rates that move from day to day."""

import numpy as np

from generator import catalogue
from generator.arrays import DAY, GOLDEN_SECTION, Floats, Ints
from generator.config import SimulationConfig

# Slow and fast waves whose sum looks like a rate: their periods in days, and their shares.
PERIODS = np.array([1170.0, 410.0, 127.0, 31.0, 9.7])
SHARES = np.array([0.80, 0.48, 0.29, 0.17, 0.11])


def exchange_rates(config: SimulationConfig, country: Ints, timestamp: Ints) -> Floats:
    """Returns the rate of each country's money on the day of each timestamp.

    Countries of one currency share their rate; that of the platform's own money is 1.
    """
    base = catalogue.country_values("exchange_rate")[country]
    names = [item.currency for item in catalogue.COUNTRIES]
    currency = np.array([names.index(name) for name in names])[country]
    days = (timestamp // DAY).astype(np.float64)[:, None]
    phase = currency[:, None] * GOLDEN_SECTION * (1 + np.arange(len(PERIODS)))
    wave = (np.sin(2 * np.pi * (days / PERIODS + phase)) * SHARES).sum(axis=1)
    swing = np.where(currency == 0, 0.0, config.exchange_sd * np.sqrt(2) * wave)
    rate: Floats = base * np.exp(swing)
    return rate
