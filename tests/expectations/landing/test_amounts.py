"""Which amounts of money can be landed, and what is said of the others."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from expectations.landing import writing
from tests.expectations.landing.landing_world import LandingBench, World, printed, row, world, write

LARGEST = "1000000000000.00"


def rich(tables: World, amount: str, backer_count: int) -> None:
    """Adds a funded project with two milestones, all amounts alike, and many pledges."""
    tables["projects"].append(
        {
            **row(tables, "projects", 101),
            "project_id": "104",
            "funding_goal": str(2 * Decimal(amount)),
        }
    )
    for key in (1001, 1002):
        tables["milestones"].append(
            {
                **row(tables, "milestones", key),
                "milestone_id": str(key + 10),
                "project_id": "104",
                "funding_amount": amount,
            }
        )
    for place in range(backer_count):
        backer = {**row(tables, "backers", 11), "backer_id": str(100 + place)}
        tables["backers"].append(backer)
        tables["pledges"].append(
            {
                **row(tables, "pledges", 1),
                "pledge_id": str(100 + place),
                "project_id": "104",
                "backer_id": backer["backer_id"],
                "amount": amount,
            }
        )


@pytest.mark.parametrize("seed_rows", [50_000, 0])
@pytest.mark.parametrize("amount", ["0.01", "0.10", "1000000.00", "999999999999.99", LARGEST])
def test_amounts_from_a_cent_to_a_trillion_land_as_they_are(
    bench: LandingBench, amount: str, seed_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SEED_ROWS", seed_rows)
    tables = world()
    rich(tables, amount, 40)
    write(bench.data, tables)
    assert bench.land() == 0
    landed = [each for each in bench.landed("pledges") if str(each[1]) == "104"]
    assert sum(Decimal(each[3]) for each in landed) == 40 * Decimal(amount)
    (project,) = (each for each in bench.landed("projects") if str(each[0]) == "104")
    assert Decimal(project[5]) == 2 * Decimal(amount)


def test_sums_of_the_largest_amounts_are_exact(bench: LandingBench, tmp_path: Path) -> None:
    tables = world()
    rich(tables, "9999999999999999.99", 0)
    rich_goal = "9999999999999999.99"
    row(tables, "projects", 104)["funding_goal"] = rich_goal
    row(tables, "milestones", 1011)["funding_amount"] = "9999999999999999.98"
    row(tables, "milestones", 1012)["funding_amount"] = "0.01"
    write(bench.data, tables)
    (bench.data / "pledges.csv").unlink()
    # they add up to the largest amount; a cent more, and no ledger could hold the sum
    duckdb.execute(f"""
        copy (
            select pledge_id, project_id, backer_id, amount, pledged_at::timestamp as pledged_at
            from (values
                (1, 101, 11, 60.00::decimal(18, 2), '2024-01-01 00:00:00'),
                (2, 101, 12, 50.00, '2024-01-02 10:00:00'),
                (3, 102, 13, 5.00, '2024-02-02 00:00:00'),
                (4, 103, 11, 10.00, '2024-03-02 00:00:00')
            ) as given (pledge_id, project_id, backer_id, amount, pledged_at)
            union all
            select 100 + range, 104, 11, {LARGEST}, '2024-01-02 00:00:00' from range(9999)
            union all
            select 20000, 104, 11, 999999999999.99, '2024-01-02 00:00:00'
        ) to '{bench.data}/pledges.parquet'
    """)
    assert bench.land() == 0
    row(tables, "milestones", 1012)["funding_amount"] = "0.02"
    write(tmp_path / "other", {name: tables[name] for name in ("milestones",)})
    (tmp_path / "other" / "milestones.csv").rename(bench.data / "milestones.csv")
    assert bench.land() == 1
    assert {each["reason"] for each in bench.violations()} >= {
        "its 2 milestones add up to 10000000000000000.00, its goal is 9999999999999999.99",
    }


MONEY = "money (digits, at most 16 before the point and 2 after it, such as 1234.50)"
IMPOSSIBLE: dict[str, str] = {
    "12345678901234567.00": f"amount '12345678901234567.00' is not {MONEY}",
    "123456789012345678901234567890123456789012": (
        f"amount '123456789012345678901234567890123456789012' is not {MONEY}"
    ),
    "0.001": f"amount '0.001' is not {MONEY}",
    "NaN": f"amount 'NaN' is not {MONEY}",
    "Infinity": f"amount 'Infinity' is not {MONEY}",
    "1e5": f"amount '1e5' is not {MONEY}",
    "1,000.00": f"amount '1,000.00' is not {MONEY}",
    "$5": f"amount '$5' is not {MONEY}",
    "-0.01": "amount -0.01 is not above 0",
    "0": "amount 0.00 is not above 0",
}


@pytest.mark.parametrize("amount", IMPOSSIBLE)
def test_an_impossible_amount_is_named_with_its_key(
    bench: LandingBench, amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = world()
    row(tables, "pledges", 4)["amount"] = amount
    write(bench.data, tables)
    lines = printed(bench, capsys)
    assert lines[0].endswith("  1 row: 4")
    assert IMPOSSIBLE[amount] in " ".join(" ".join(lines).split())
