"""Every cent is held, released or refunded, per project and per backer, at every timestamp."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

import pytest

from tests.dbt_project.builds import Builds, differences
from tests.dbt_project.export import MICROSECOND, Tables
from tests.dbt_project.world import BUSY

LEDGER = ["core.fct_escrow_transactions", "core.escrow_balances", "core.backer_balances"]


# at each of them what happens then is not known yet; a microsecond later it is
TIMESTAMPS = [timestamp + late for timestamp in BUSY for late in (0 * MICROSECOND, MICROSECOND)]


@pytest.mark.parametrize("as_of", TIMESTAMPS, ids=str)
def test_money_is_conserved_as_the_reference_says(builds: Builds, as_of: datetime) -> None:
    tables = builds.full(as_of)
    assert differences(builds.reference(as_of), tables, tables=LEDGER) == []
    for balance in tables["core.escrow_balances"] + tables["core.backer_balances"]:
        moved = balance["released_amount"] + balance["refunded_amount"]
        assert balance["pledged_amount"] == balance["held_amount"] + moved
        assert min(balance.values()) >= 0
    assert all(row["amount"] > 0 for row in tables["core.fct_escrow_transactions"])
    assert _sums(tables, "core.escrow_balances") == _sums(tables, "core.backer_balances")


def test_nothing_is_held_once_all_is_approved_or_refunded(builds: Builds) -> None:
    tables = builds.full()
    statuses = defaultdict(set)
    for milestone in tables["core.fct_milestones"]:
        statuses[milestone["project_id"]].add(milestone["milestone_status"])
    settled = {
        project_id
        for project_id, found in statuses.items()
        if found == {"approved"} or found & {"rejected", "expired", "void"}
    }
    balances = tables["core.escrow_balances"] + tables["core.backer_balances"]
    held = [row["held_amount"] for row in balances if row["project_id"] in settled]
    assert any(found == {"approved"} for found in statuses.values())
    assert set(held) == {Decimal("0.00")}


def test_release_of_zero_has_no_row(builds: Builds) -> None:
    tables = builds.full()
    released = {row["milestone_id"] for row in tables["core.fct_escrow_transactions"]}
    approved = _where_approved(tables)
    assert approved - released, "the world has no release of 0 cents"


def _where_approved(tables: Tables) -> set[int]:
    rows = tables["core.fct_milestones"]
    return {row["milestone_id"] for row in rows if row["resolution"] == "approved"}


def _sums(tables: Tables, table: str) -> dict[int, list[Decimal]]:
    sums: dict[int, list[Decimal]] = {}
    for row in tables[table]:
        amounts = [value for value in row.values() if isinstance(value, Decimal)]
        so_far = sums.get(row["project_id"], [Decimal(0)] * len(amounts))
        sums[row["project_id"]] = [a + b for a, b in zip(so_far, amounts, strict=True)]
    return {project_id: amounts for project_id, amounts in sums.items() if any(amounts)}
