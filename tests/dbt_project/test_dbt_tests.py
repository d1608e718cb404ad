"""The dbt tests hold on the small world, and each check between tables sees its contradiction."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.contradictions import checks_in, planted_checks, unseen


def test_unit_and_data_tests_pass(whole_warehouse: Path) -> None:
    """They did, or there were no such warehouse; what they would let through is planted."""
    compiled = whole_warehouse / "compiled_tests"
    assert checks_in(compiled) == planted_checks()
    assert list(unseen(whole_warehouse / "escrow.duckdb", compiled)) == []


def rows_failing(
    whole_warehouse: Path, test: str, model: str, rows: str, **others: str
) -> list[tuple[Any, ...]]:
    """What a compiled test returns of rows that stand for its model, and for others of core."""
    compiled = (whole_warehouse / "compiled_tests" / f"{test}.sql").read_text(encoding="utf-8")
    for name, query in {model: rows, **{f"core.{key}": sql for key, sql in others.items()}}.items():
        real = '"escrow".' + ".".join(f'"{part}"' for part in name.split("."))
        assert real in compiled
        compiled = compiled.replace(real, f"({query})")
    with duckdb.connect(str(whole_warehouse / "escrow.duckdb"), read_only=True) as connection:
        return connection.execute(compiled).fetchall()


@pytest.mark.parametrize("order", ["pledge_id", "pledge_id desc", "hash(pledge_id)"])
def test_unique_finds_each_repeated_id_in_any_order(whole_warehouse: Path, order: str) -> None:
    def failing(more: str) -> list[tuple[Any, ...]]:
        rows = f"from core.fct_pledges select pledge_id union all (values {more}) order by {order}"
        return rows_failing(
            whole_warehouse, "unique_fct_pledges_pledge_id", "core.fct_pledges", rows
        )

    assert failing("(null), (null), (-1), (9999999999)") == []
    # 1 + 2 ** 32 is another id than 1, of which it has the last 32 bits
    assert failing("(4294967297), (8589934593)") == []
    assert sorted(failing("(1), (1), (-1), (-1), (9999999999), (9999999999)")) == [
        *((-1,), (1,), (1,), (9999999999,))
    ]


@pytest.fixture(scope="module")
def alike() -> tuple[str, str]:
    """Two texts that have the same short key."""
    [texts] = duckdb.execute("""
        select list(text order by text)
        from (select 'deposit-' || range as text from range(500000))
        group by hash(text) >> 32
        having count(*) = 2
        limit 1
    """).fetchall()
    return tuple(texts[0])


def test_unique_takes_no_two_texts_for_one(whole_warehouse: Path, alike: tuple[str, str]) -> None:
    def failing(*texts: str) -> list[tuple[Any, ...]]:
        return rows_failing(
            whole_warehouse,
            "unique_fct_escrow_transactions_transaction_id",
            "core.fct_escrow_transactions",
            f"select unnest({[*texts]}) as transaction_id",
        )

    one, other = alike
    assert failing(other, one) == []
    assert failing(other, one, other) == [(other,)]


def test_unique_combination_finds_each_repeated_pair(whole_warehouse: Path) -> None:
    def failing(more: str) -> list[tuple[Any, ...]]:
        pairs = "project_id, backer_id"
        rows = f"select {pairs} from core.backer_balances union all (values {more})"
        return sorted(
            rows_failing(
                whole_warehouse,
                "unique_combination_backer_balances_project_id__backer_id",
                "core.backer_balances",
                rows,
            ),
            key=str,
        )

    assert failing("(-1, -2), (-2, -1), (-1, null), (null, -1)") == []
    assert failing("(-1, -2), (-1, -2), (-1, null), (-1, null)") == [(-1, -2), (-1, None)]


def test_unique_combination_takes_no_two_pairs_for_one(whole_warehouse: Path) -> None:
    [(one, other)] = duckdb.execute("""
        select min(number), max(number)
        from (select range as number from range(500000))
        group by hash(number, 'd3') >> 32
        having count(*) = 2
        limit 1
    """).fetchall()
    rows = "select unnest({}) as project_id, 'd3' as snapshot_kind"
    test = (
        whole_warehouse,
        "unique_combination_project_features_project_id__snapshot_kind",
        "features.project_features",
    )
    assert rows_failing(*test, rows.format([one, other])) == []
    assert rows_failing(*test, rows.format([one, other, one])) == [(one, "d3")]


@pytest.mark.parametrize("sign", ["", "-"])
def test_backers_of_every_project_are_looked_at_sometime_whichever_way_ids_run(
    whole_warehouse: Path, sign: str
) -> None:
    wrong = "select * replace (pledged_amount + 1 as pledged_amount) from core.backer_balances"

    def failing(later_count: int) -> set[str]:
        later = f"{sign}(1000000 + range) as project_id, now() + range * interval 1 hour"
        projects = f"from core.dim_projects union all by name select {later} as launched_at"
        rows = rows_failing(
            whole_warehouse,
            "backer_balances_agree_with_ledger",
            "core.backer_balances",
            wrong,
            dim_projects=f"{projects} from range({later_count})",
        )
        return {key for _, key in rows}

    every, third = failing(0), failing(2500)
    assert 0 < len(third) < len(every)
    assert failing(2500) | failing(2501) | failing(2502) == every
