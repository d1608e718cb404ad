"""The platform's calendar: when pledges come by hour and weekday, and when campaigns start."""

from dataclasses import dataclass

import numpy as np

from generator import catalogue
from generator.arrays import DAY, HOUR, SECOND, Floats, Ints

WEEK_HOURS = 168
# The Unix epoch was a Thursday; weeks here begin on Monday.
EPOCH_OFFSET_HOURS = 72.0


@dataclass(frozen=True, slots=True)
class WeeklyRhythm:
    """A clock that runs faster in busy hours; on average it shows true hours.

    Attributes:
        busy_hours: Reading at the start of each hour of a week, shape (169,), from 0 to 168.
    """

    busy_hours: Floats

    def reading(self, timestamp: Ints | Floats) -> Floats:
        """Converts timestamps (microseconds since 1970) to readings of this clock."""
        hours = timestamp / HOUR + EPOCH_OFFSET_HOURS
        whole = np.floor(hours)
        hour_of_week = (whole % WEEK_HOURS).astype(np.int64)
        reading: Floats = self.busy_hours[hour_of_week]
        reading += (hours - whole) * np.diff(self.busy_hours)[hour_of_week]
        return reading + (whole - hour_of_week)

    def timestamp(self, reading: Floats) -> Ints:
        """Converts readings back to timestamps, to the microsecond."""
        weeks = np.floor(reading / WEEK_HOURS)
        true_hours = np.arange(WEEK_HOURS + 1.0)
        hours = np.interp(reading - weeks * WEEK_HOURS, self.busy_hours, true_hours)
        since_epoch: Floats = hours + weeks * WEEK_HOURS - EPOCH_OFFSET_HOURS
        return np.floor(since_epoch * HOUR).astype(np.int64)


def pledge_rhythm() -> WeeklyRhythm:
    """Returns the rhythm in which people pledge, look and vote."""
    rate = np.outer(catalogue.PLEDGE_WEEKDAYS, catalogue.PLEDGE_HOURS).ravel()
    total = np.concatenate([[0.0], np.cumsum(rate)])
    return WeeklyRhythm(busy_hours=total / total[-1] * WEEK_HOURS)


def launch_timestamps(position: Floats, starts_at: int, ends_at: int, growth: float) -> Ints:
    """Places launches in the span: growth, season, weekday and hour of day.

    Args:
        position: Where the launch stands among all launches, from 0 (first) to 1 (last).
        starts_at: Begin of the span in microseconds since 1970.
        ends_at: End of the span.
        growth: Rise of the launch rate over the span, relative to its start.

    Returns:
        Timestamps in [starts_at, ends_at), to the second.
    """
    edges = np.arange(starts_at, ends_at + HOUR, HOUR, dtype=np.int64).clip(max=ends_at)
    begin = edges[:-1]
    month = begin.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
    weekday = (begin // DAY + 3) % 7
    hour = begin // HOUR % 24
    rate = (
        (1.0 + growth * (begin - starts_at) / (ends_at - starts_at))
        * np.array(catalogue.LAUNCH_MONTHS)[month]
        * np.array(catalogue.LAUNCH_WEEKDAYS)[weekday]
        * np.array(catalogue.LAUNCH_HOURS)[hour]
        * np.diff(edges)
    )
    total = np.concatenate([[0.0], np.cumsum(rate)])
    timestamps = np.interp(position, total / total[-1], edges.astype(np.float64))
    whole = timestamps.astype(np.int64) // SECOND * SECOND
    return np.clip(whole, starts_at, ends_at - SECOND)
