"""Each rule of the contract, broken in one place: exactly the rows that violate it are named.

Every case changes its own copy of the tiny export, and all copies are landed together: violations
in one place must not hide or add others elsewhere.
"""

import re
from pathlib import Path

import pytest

from expectations.landing.contract import TABLES
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from expectations.landing.rules_of_rows import ROW_CHECKS
from tests.expectations.landing.cases_between_rows import CASES_BETWEEN_ROWS
from tests.expectations.landing.cases_of_rows import CASES_OF_ROWS
from tests.expectations.landing.cases_of_values import CASES_OF_VALUES
from tests.expectations.landing.landing_world import LandingBench, World, world, write
from tests.expectations.landing.rule_cases import Violation

COPY = 1_000_000
# as keywords: a name that stands twice is refused
CASES = dict(**CASES_OF_ROWS, **CASES_BETWEEN_ROWS, **CASES_OF_VALUES)
IDS = {column.name for table in TABLES for column in table.columns if column.name.endswith("_id")}


def shifted(tables: World, copy: int) -> World:
    """The rows with all ids moved into the range of one copy."""
    return {
        name: [
            {
                column: str(int(value) + copy * COPY) if column in IDS and value else value
                for column, value in each.items()
            }
            for each in rows
        ]
        for name, rows in tables.items()
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LandingBench:
    """All cases, each in its copy, and one that is left as it is; refused, then quarantined."""
    bench = LandingBench(tmp_path_factory.mktemp("rules"))
    together: World = {table.name: [] for table in TABLES}
    for copy, change in enumerate([lambda _: None, *(case.change for case in CASES.values())]):
        tables = world()
        change(tables)
        for name, rows in shifted(tables, copy).items():
            together[name] += rows
    write(bench.data, together)
    assert bench.land() == 1
    assert bench.land(mode="quarantine", run_id="r2") == 0
    return bench


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_rows_that_violate_a_rule_are_named(bench: LandingBench, name: str) -> None:
    case, copy = CASES[name], 1 + list(CASES).index(name)
    found = [each for each in bench.violations() if int(each["key"]) // COPY == copy]

    def violating(is_root: str) -> set[Violation]:
        return {
            (each["table"], each["rule"], int(each["key"]) % COPY)
            for each in found
            if each["is_root"] == is_root
        }

    assert violating("true") == case.roots
    assert violating("false") == case.follows
    reason = re.sub(r"#(\d+)", lambda match: str(int(match[1]) + copy * COPY), case.reason)
    assert reason in {each["reason"] for each in found if each["is_root"] == "true"}


def test_sound_rows_violate_nothing(bench: LandingBench) -> None:
    assert [each for each in bench.violations() if int(each["key"]) < COPY] == []


def test_every_rule_is_broken_by_a_case(bench: LandingBench) -> None:
    rules = {rule.name for check in (*ROW_CHECKS, *BETWEEN_CHECKS) for rule in check.rules}
    assert rules <= {rule for case in CASES.values() for _, rule, _ in case.roots}


def test_quarantine_takes_the_same_rows_out(bench: LandingBench) -> None:
    reported = {(each["table"], each["key"]) for each in bench.violations()}
    assert {(table, key) for table, key, *_ in bench.quarantined()} == reported


def test_no_row_is_lost(bench: LandingBench) -> None:
    quarantined = [table for table, *_ in bench.quarantined()]
    for table in TABLES:
        given = len((bench.data / f"{table.name}.csv").read_text().splitlines()) - 1
        assert len(bench.landed(table.name)) + quarantined.count(table.name) == given


def test_what_quarantine_leaves_keeps_the_contract(bench: LandingBench, tmp_path: Path) -> None:
    again = LandingBench(tmp_path)
    again.data.mkdir()
    for table in TABLES:
        path = f"{table.name}.csv"
        (again.data / path).write_bytes((bench.seeds / path).read_bytes())
    assert again.land() == 0
    assert all(again.landed(table.name) == bench.landed(table.name) for table in TABLES)
