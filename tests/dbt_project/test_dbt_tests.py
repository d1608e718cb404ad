"""The dbt tests hold on the small world, and each check between tables sees its contradiction."""

from pathlib import Path

from tests.dbt_project.contradictions import checks_in, planted_checks, unseen


def test_unit_and_data_tests_pass(whole_warehouse: Path) -> None:
    """They did, or there were no such warehouse; what they would let through is planted."""
    compiled = whole_warehouse / "compiled_tests"
    assert checks_in(compiled) == planted_checks()
    assert list(unseen(whole_warehouse / "escrow.duckdb", compiled)) == []
