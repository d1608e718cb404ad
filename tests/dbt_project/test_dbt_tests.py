"""The dbt tests hold on the small world, and each check between tables sees its contradiction."""

from pathlib import Path

import duckdb

from tests.dbt_project.contradictions import checks_in, planted_checks, unseen


def test_unit_and_data_tests_pass(whole_warehouse: Path) -> None:
    """They did, or there were no such warehouse; what they would let through is planted."""
    compiled = whole_warehouse / "compiled_tests"
    assert checks_in(compiled) == planted_checks()
    assert list(unseen(whole_warehouse / "escrow.duckdb", compiled)) == []


def test_unique_finds_each_repeated_value_and_takes_no_missing_one_for_it(
    whole_warehouse: Path,
) -> None:
    test = whole_warehouse / "compiled_tests" / "unique_fct_pledges_pledge_id.sql"
    real = '"escrow"."core"."fct_pledges"'
    with duckdb.connect(str(whole_warehouse / "escrow.duckdb"), read_only=True) as connection:

        def failing(more: str) -> list[tuple[int]]:
            planted = f"(select pledge_id from {real} union all from (values {more}))"
            return connection.execute(test.read_text().replace(real, planted)).fetchall()

        [(first, last)] = connection.execute(
            f"select min(pledge_id), max(pledge_id) from {real}"
        ).fetchall()
        assert failing(f"(null), (null), ({last + 1})") == []
        assert set(failing(f"({first}), ({last})")) == {(first,), (last,)}
