"""The formats of pages: timestamps to the minute, money with cents, prediction times in words."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from pages.formats import counted, day, due, money, prediction_time, timestamp


def test_timestamps_are_shown_to_the_minute() -> None:
    assert timestamp(datetime(2023, 12, 31, 23, 54, 35, 353858)) == "31 Dec 2023, 23:54 UTC"
    assert day(date(2024, 1, 5)) == "5 Jan 2024"


def test_money_has_cents_and_thousands_separators() -> None:
    assert [money(each) for each in (Decimal("1234.5"), 0, 1e6, None)] == [
        *("1,234.50", "0.00", "1,000,000.00", "not known"),
    ]


def test_counts_and_days_read_as_words() -> None:
    assert [counted(each, "project") for each in (0, 1, 2000)] == [
        *("0 projects", "1 project", "2,000 projects"),
    ]
    assert [due(each) for each in (3, 0, -12)] == ["in 3.0 days", "in 0.0 days", "12.0 days ago"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("vote_1d", "1 day after submission (vote_1d)"),
        ("all", "all prediction times"),
        ("matured", "outcomes known (matured)"),
        ("new_kind", "new_kind"),
    ],
)
def test_prediction_times_are_spelt_out(kind: str, text: str) -> None:
    assert prediction_time(kind, {"vote_1d": "1 day after submission (vote_1d)"}) == text
