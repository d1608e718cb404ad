"""The money formulas are exact, without overflow, from one cent to the largest amount."""

import itertools
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest

from tests.conftest import REPOSITORY

CENT = Decimal("0.01")
# 0.01, a million, 10^12, and the largest decimal(18,2), which the raw contract admits
AMOUNTS = ["0.01", "999999.99", "1000000.00", "1000000000000.00", "9999999999999999.99"]
SHARES = ["0", "0.000000000000001", "0.2", "0.161486", "0.9999", "1"]


def macros() -> Any:
    """The macros of money.sql as dbt would call them for DuckDB."""
    source = (REPOSITORY / "dbt_project/macros/money.sql").read_text(encoding="utf-8")
    adapter = SimpleNamespace(dispatch=lambda name, _: getattr(module, f"default__{name}"))
    environment = jinja2.Environment(autoescape=False)
    module: Any = environment.from_string(source, {"adapter": adapter}).module
    return module


def calculate(sql: str) -> tuple[object, str]:
    """The value of an expression and its type."""
    query = f"select value, typeof(value) from (select {sql} as value)"
    with duckdb.connect() as connection:
        ((value, data_type),) = connection.execute(query).fetchall()
    return value, data_type


def cents(amount: str) -> int:
    return int(Decimal(amount) * 100)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_amounts_and_cents_are_the_same_money(amount: str) -> None:
    to_cents, to_amount = macros().to_cents, macros().to_amount
    assert calculate(to_cents(f"cast({amount} as decimal(18, 2))")) == (cents(amount), "BIGINT")
    assert calculate(to_amount(f"cast({cents(amount)} as bigint)")) == (
        Decimal(amount),
        "DECIMAL(18,2)",
    )


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("share", SHARES)
def test_share_of_an_amount_is_exact_to_the_cent(share: str, amount: str) -> None:
    """The share is a double, as a risk is: what a decimal of 15 places makes of it counts."""
    expected = (Decimal(share) * Decimal(amount)).quantize(CENT, ROUND_HALF_UP)
    sql = macros().share_of(f"cast({share} as double)", f"cast({amount} as decimal(18, 2))")
    assert calculate(sql) == (expected, "DECIMAL(18,2)")


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize(("approved", "goal"), [(1, 1), (1, 3), (2, 3), (0, 7)])
def test_released_cents_round_half_up_in_integers(approved: int, goal: int, amount: str) -> None:
    """A goal as large as the pledges: cents times cents have 36 digits."""
    backer, goal_cents = cents(amount), max(cents(amount), goal)
    approved_cents = goal_cents * approved // goal
    expected = (2 * backer * approved_cents + goal_cents) // (2 * goal_cents)
    sql = macros().released_cents(
        f"cast({backer} as bigint)",
        f"cast({approved_cents} as bigint)",
        f"cast({goal_cents} as bigint)",
    )
    assert calculate(sql) == (expected, "BIGINT")


def test_rows_on_both_sides_of_64_bits_stand_in_one_table() -> None:
    """Each row is widened for itself: the small ones around it neither overflow nor change."""
    edge = 2**31
    sides = [1, edge - 2, edge - 1, edge, edge + 1, cents(AMOUNTS[-1])]
    rows = [
        (backer, approved, goal)
        for backer, goal in itertools.product(sides, sides)
        for approved in {0, 1, goal // 3, goal}
        if backer * approved < goal * cents(AMOUNTS[-1])
    ]
    released = macros().released_cents("backer", "approved", "goal")
    with duckdb.connect() as connection:
        connection.execute("create table given (backer bigint, approved bigint, goal bigint)")
        connection.executemany("insert into given values (?, ?, ?)", rows)
        found = connection.execute(f"select {released} from given").fetchall()
    assert found == [((2 * b * m + g) // (2 * g),) for b, m, g in rows]


def test_amounts_on_both_sides_of_18_digits_stand_in_one_table() -> None:
    amounts = ["0.01", "9999999999999.99", "10000000000000.00", AMOUNTS[-1], "-0.01", None]
    to_cents = macros().to_cents("amount")
    with duckdb.connect() as connection:
        connection.execute("create table given (amount decimal(18, 2))")
        connection.executemany("insert into given values (?)", [[each] for each in amounts])
        found = connection.execute(f"select {to_cents} from given").fetchall()
    assert found == [(None if each is None else cents(each),) for each in amounts]


def test_ratio_of_the_largest_amounts_is_a_true_quotient() -> None:
    largest, cent = (f"cast({amount} as decimal(18, 2))" for amount in (AMOUNTS[-1], AMOUNTS[0]))
    assert calculate(macros().ratio(largest, largest)) == (1.0, "DOUBLE")
    assert calculate(macros().ratio(cent, largest)) == (0.01 / 1e16, "DOUBLE")
    assert calculate(macros().ratio(largest, "0")) == (None, "DOUBLE")
