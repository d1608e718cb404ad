"""The charts of the page about experiments."""

import re
from datetime import datetime

from pages.experiment_charts import lift_over_time


def test_the_legend_of_looks_names_each_line_and_the_band_in_its_own_colour() -> None:
    looks = [
        {
            "look_number": number,
            "look_at": datetime(2024, 1, number),
            "lift_ratio": 0.1,
            "lift_ratio_low": -0.1,
            "lift_ratio_high": 0.3,
            "repeated_lift_ratio_low": -0.5,
            "repeated_lift_ratio_high": 0.9,
            "statistic": 1.0,
            "boundary": 3.0,
        }
        for number in (1, 2)
    ]
    drawn = str(lift_over_time("lift", looks))
    names = ("95 % over all looks", "95 % for one look alone", "estimate")
    symbols = [re.search(rf"<path ([^>]*)/></g><g><text [^>]*>{name}<", drawn) for name in names]
    assert all(symbols)
    assert len({symbol[1] for symbol in symbols if symbol}) == len(names)
