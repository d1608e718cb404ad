"""The ledger by month is that of the tables, to the cent."""

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pages import escrow
from pages.published import open_published
from tests.pages import documented, ledger

FLOWS = ("pledged_amount", "released_amount", "refunded_amount")


def months_of(path: Path) -> list[dict[str, Any]]:
    with open_published(path) as published:
        return escrow.months(published)


def test_months_add_up_to_the_balances(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    months = months_of(path)
    [(held, *moved)] = documented.sql(
        path, f"select sum(held_amount), {', '.join(f'sum({k})' for k in FLOWS)}"
        " from core.escrow_balances"
    )  # fmt: skip
    assert [sum(row[key] for row in months) for key in FLOWS] == moved
    assert months[-1]["held_amount"] == held == Decimal("1099999999999.68")
    for row in months:
        assert row["held_amount"] == sum(row[key] for key in escrow.STATES)


def test_held_money_is_in_the_state_of_its_project_at_that_time(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    october, november, december = months_of(path)
    assert [row["month"] for row in (october, december)] == [date(2023, 10, 1), date(2023, 12, 1)]
    # nothing is funded before November: the last moment of October belongs to it
    assert october["live_amount"] == ledger.TRILLION + Decimal("110.10")
    # both funded projects wait for votes: one for the second milestone, until the next day
    assert november["submitted_amount"] == ledger.TRILLION + Decimal("66.67")
    assert (november["live_amount"], november["late_amount"]) == (0, 0)
    assert december["live_amount"] == Decimal("400000000000.01")
    assert december["late_amount"] == Decimal("699999999999.67")
    assert december["last_day"] == date(2023, 12, 31)


def test_a_month_without_movements_keeps_what_was_held(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    documented.sql(path, "update core.warehouse_as_of set as_of = '2024-03-01'")
    months = months_of(path)
    assert [f"{row['month']:%m}" for row in months] == ["10", "11", "12", "01", "02"]
    assert {row["held_amount"] for row in months[2:]} == {Decimal("1099999999999.68")}
    assert [months[-1][key] for key in FLOWS] == [0, 0, 0]


def test_what_happens_at_the_timestamp_of_the_warehouse_is_in_it(tmp_path: Path) -> None:
    """A deadline that passes at that very time refunds at once, or funds."""
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    documented.sql(path, "update core.warehouse_as_of set as_of = '2024-01-01'")
    documented.sql(
        path,
        "update core.fct_escrow_transactions set occurred_at = '2024-01-01' where"
        " transaction_type = 'refund' and project_id = 3",
    )
    documented.sql(
        path, "update core.dim_projects set funded_at = '2024-01-01' where project_id = 1"
    )
    last = months_of(path)[-1]
    assert (last["month"], last["refunded_amount"]) == (date(2024, 1, 1), Decimal("10.10"))
    assert last["held_amount"] == Decimal("1099999999999.68")
    assert last["live_amount"] == 0


def test_without_a_pledge_there_is_no_month(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    documented.create(path, {"core.warehouse_as_of": [{"as_of": ledger.AS_OF}]})
    assert months_of(path) == []


def test_the_drawings_say_what_is_held(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    drawn = escrow.held_chart(months_of(path))
    assert "1,099,999,999,999.68 is held" in drawn
    assert "699,999,999,999.67 milestone late" in drawn
    assert "1,400,000,000,115.11 pledged" in escrow.ledger_chart(months_of(path))


def drawn_days(chart: str, **kept: str) -> dict[str, float]:
    """What a drawing, or the upper one of two, shows by day, of the rows with some values."""
    content = json.loads(re.search(r'application/json">(.*?)</script>', chart, re.S)[1])  # type: ignore[index]
    rows = content.get("vconcat", [content])[0]["data"]["values"]
    found = [row for row in rows if kept.items() <= row.items()]
    return {row["last_day"]: row["amount"] for row in found}


def test_what_is_held_is_drawn_at_the_end_of_its_month(tmp_path: Path) -> None:
    path = tmp_path / "escrow.duckdb"
    ledger.write(path)
    months = months_of(path)
    ends = ["2023-10-31", "2023-11-30", "2023-12-31"]
    live = drawn_days(escrow.held_chart(months), state="live campaigns")
    assert list(live) == ["2023-10-01", *ends]
    assert [*live.values()][:2] == [0, 1000000000110.1]
    held = drawn_days(escrow.ledger_chart(months), line="held at month's end")
    assert list(held) == ends
