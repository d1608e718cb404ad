"""The raw contract as an Open Data Contract: the committed file is what the code renders."""

import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from expectations.landing import odcs
from expectations.landing.contract import TABLE, TABLES
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from expectations.landing.rules_of_rows import ROW_CHECKS
from tests.forks import REPOSITORY

COMMITTED = REPOSITORY / "docs" / "data-contract.yaml"


def test_the_committed_contract_is_what_the_code_says() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == odcs.render(), "make contract writes it anew"


def test_the_columns_of_an_own_export_are_those_of_the_contract() -> None:
    page = (COMMITTED.parent / "own-export.md").read_text(encoding="utf-8")
    assert odcs.columns_table() in page, "make contract writes them anew"


def test_every_table_column_and_rule_is_in_it() -> None:
    tables = {each["name"]: each for each in yaml.safe_load(odcs.render())["schema"]}
    assert list(tables) == [table.name for table in TABLES]
    for name, table in tables.items():
        required = {each["name"]: each["required"] for each in table["properties"]}
        assert required == {each.name: not each.optional for each in TABLE[name].columns}
        checks = [check for check in (*ROW_CHECKS, *BETWEEN_CHECKS) if check.table == name]
        rules = [rule.name for check in checks for rule in check.rules]
        assert [each["name"] for each in table.get("quality", [])] == rules


def test_rules_read_without_their_sql() -> None:
    text = odcs.render()
    assert "{" not in text
    assert "amount is not above 0" in text
    assert "backer <backer_id> voted <row_count> times on milestone <milestone_id>" in (
        " ".join(text.split())
    )


def test_it_is_valid_in_the_standards_own_model() -> None:
    """The model forbids unknown fields at the top; what it drops below shows as a difference."""
    document = yaml.safe_load(odcs.render())
    read = OpenDataContractStandard(**document)
    assert read.model_dump(exclude_none=True, by_alias=True) == document
