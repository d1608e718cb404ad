"""The examples of docs/bi-tools.md run, and what it says of readers during a publish is true."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine, text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bi-tools.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.M)
AMOUNT = Decimal("9007199254740993.07")  # no double is equal to it
BALANCES = "select project_id, held_amount from core.escrow_balances"


def publish(path: Path, amount: Decimal) -> None:
    """Puts a file with one project in the place of another, as a publish does."""
    aside = path.with_name("build.duckdb")
    with duckdb.connect(str(aside)) as con:
        con.execute("create schema core; create schema insights")
        con.execute(
            "create table core.escrow_balances (project_id bigint, held_amount decimal(18, 2))"
        )
        con.execute("insert into core.escrow_balances values (7, $1)", [amount])
        con.execute(
            "create view core.money as from core.escrow_balances;"
            " create table insights.project_outlook as"
            " select 'Lamp' as title, 0.5::double as success_probability"
        )
    os.replace(aside, path)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published file where the examples look for it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "warehouse" / "escrow.duckdb"
    path.parent.mkdir()
    publish(path, AMOUNT)
    return path


def run(example: str) -> dict[str, Any]:
    """What an example has in its variables at its end."""
    found: dict[str, Any] = {}
    exec(example, found)
    return found


@pytest.mark.usefixtures("published")
def test_the_examples_give_money_to_the_cent() -> None:
    plain, pandas, sqlalchemy = map(run, EXAMPLES)
    assert plain["rows"] == [("Lamp", 0.5)]
    assert plain["table"].to_pylist() == [{"project_id": 7, "held_amount": AMOUNT}]
    assert pandas["frame"]["held_amount"].sum() == AMOUNT
    assert sqlalchemy["rows"] == [(7, AMOUNT)]
    assert sqlalchemy["names"] == ["project_outlook"]


def test_sqlalchemy_keeps_its_file_during_a_publish_until_it_is_disposed_of(
    published: Path,
) -> None:
    engine = create_engine(f"duckdb:///{published}?access_mode=read_only")
    seen = []
    for _ in range(2):
        with engine.connect() as con:
            seen.append(con.execute(text(BALANCES)).one().held_amount)
        publish(published, Decimal(1))
    engine.dispose()
    with engine.connect() as con:
        seen.append(con.execute(text(BALANCES)).one().held_amount)
    engine.dispose()
    assert seen == [AMOUNT, AMOUNT, 1]


def test_a_second_connection_of_a_process_sees_the_new_file_after_the_first_is_closed(
    published: Path,
) -> None:
    with duckdb.connect(str(published), read_only=True) as first:
        publish(published, Decimal(1))
        with duckdb.connect(str(published), read_only=True) as second:
            assert first.execute(BALANCES).fetchall() == [(7, AMOUNT)]
            assert second.execute(BALANCES).fetchall() == [(7, AMOUNT)]
    with duckdb.connect(str(published), read_only=True) as con:
        assert con.execute(BALANCES).fetchall() == [(7, 1)]


def test_a_file_under_another_name_or_alias_answers_the_same(
    published: Path, tmp_path: Path
) -> None:
    renamed = published.rename(tmp_path / "renamed.duckdb")
    with duckdb.connect() as con:
        con.execute(f"attach '{renamed}' as finance (read_only)")
        assert con.execute(
            BALANCES.replace("core.escrow_balances", "finance.core.money")
        ).fetchall() == [(7, AMOUNT)]
