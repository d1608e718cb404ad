"""Every target with arguments that make no sense, and a bug: said in a line, nothing is changed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.clone import Clone, needs_make, sha256
from tests.journeys.exports import MIXED, export, write
from tests.journeys.warehouses import Warehouse

pytestmark = [pytest.mark.journey, needs_make]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with a small export published in it."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    write(clone.folder / "export", export(MIXED))
    warehouse = Warehouse(clone, "own")
    warehouse.publish("DATA=export")
    return warehouse


@pytest.fixture
def unchanged(warehouse: Warehouse) -> Iterator[None]:
    """Fails if the test changed a file in the clone, except logs of runs."""
    before = files(warehouse.folder)
    yield
    assert files(warehouse.folder) == before


def files(folder: Path) -> dict[str, str]:
    ignored = {"runs.jsonl", ".lock", "digests.json", "requests.sqlite"}
    return {
        str(path.relative_to(folder)): sha256(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ignored and path.suffix != ".pyc"
    }


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run scale=2", "scale is no variable of this Makefile"),
        ("run DATAA=x", "DATAA is no variable of this Makefile"),
        ("run SCALE=0", "scale"),
        ("run SCALE=-1", "SCALE=-1"),
        ("run SCALE=1.5", "SCALE=1.5"),
        ("run SCALE=²", "SCALE=²"),
        ("run SEED=x", "SEED=x"),
        ("run DATA=", "holds the export 'export', and DATA is empty"),
        ("docs", "and DATA is empty"),
        ("run DATA=nowhere", "nowhere"),
        ("run DATA=export/pledges.csv", "pledges.csv"),
        ("run DATA=export AS_OF=yesterday", "AS_OF=yesterday"),
        ("run DATA=export ON_BAD_ROWS=perhaps", "ON_BAD_ROWS=perhaps"),
        ("run DATA=export TARGET=oracle", "TARGET=oracle"),
        ("run DATA=export TRUTH=nowhere", "nowhere"),
        ("run DATA=export FAIL_ON_ALERT=yes", "FAIL_ON_ALERT=yes"),
        ("land WAREHOUSE=export/pledges.csv DATA=export", "export/pledges.csv"),
        ("truth DATA=export", "only a generated platform has a truth"),
        ("backtest DATA=export", "no period given"),
        ("backtest DATA=export FROM=2023-08-01 TO=2023-07-01", "FROM=2023-08-01"),
        ("backtest DATA=export FROM=2023-07-01 TO=2023-08-01 EVERY=blue", "blue"),
        ("predict-one", "PROJECT=1"),
        ("predict-one PROJECT=abc", "abc"),
        ("predict-one PROJECT=999999", "no"),
        ("predict-one PROJECT=101 MILESTONE=1011", "not allowed with"),
        ("predict-one PROJECT=101 LIMITS=nonsense", "nonsense"),
        ("predict-one PROJECT=109 WAREHOUSE=nowhere", "nowhere"),
        ("serve PORT=abc", "PORT=abc"),
        ("serve WORKERS=0", "WORKERS=0"),
        ("serve LIMITS=nonsense", "nonsense"),
        ("serve KEYS=nowhere", "nowhere"),
        ("serve PROXIES=everybody", "everybody"),
        ("key", "KEYS=keys.txt"),
        ("strategy", "PROJECT=20001"),
        ("query", "SQL="),
        ("query WAREHOUSE=nowhere SQL=select", "nothing is published yet"),
        ("query SQL=select FORMAT=xml", "FORMAT=xml is none of table, csv, json, markdown"),
        ("export", "TABLE=core.escrow_balances"),
        ("export TABLE=core.dim_project", "is it core.dim_projects"),
        ("export TABLE=core.dim_projects FORMAT=xml", "FORMAT=xml is none of csv, parquet, json"),
        ("export TABLE=core.dim_projects OUT=own", "OUT=own is a folder"),
        ("export TABLE=core.dim_projects OUT=own/new.csv", "lies in the warehouse"),
        ("export TABLE=core.dim_projects WAREHOUSE=nowhere", "nothing is published yet"),
        ("diff WAREHOUSE=nowhere", "nothing is published yet"),
        ("shell WAREHOUSE=nowhere", "nothing is published yet"),
        ("report WAREHOUSE=nowhere", "nothing is published yet"),
        ("tune WAREHOUSE=nowhere", "nothing is published yet"),
        ("site SITE=nowhere", "no pages yet in nowhere"),
        ("site PORT=abc", "PORT=abc"),
        ("site PORT=99999", "PORT=99999"),
        ("experiment-design BASE=2", "BASE"),
        ("experiment-design POWER=1", "POWER"),
        ("nonsense", "nonsense"),
    ],
)
def test_wrong_call_is_refused_in_words(warehouse: Warehouse, arguments: str, message: str) -> None:
    code, output = warehouse.make(*arguments.split())
    assert code == 2, output
    assert message.lower() in output.lower()
    assert "Traceback" not in output
    assert len(output.splitlines()) <= 5, output


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "sql", ["selec 1", "select * from core.nowhere", "drop table core.dim_projects"]
)
def test_query_that_cannot_be_answered(warehouse: Warehouse, sql: str) -> None:
    code, output = warehouse.make("query", f"SQL={sql}")
    assert code == 2
    assert "Error" in output


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("target", ["predict-one", "strategy"])
def test_argument_is_never_a_command(warehouse: Warehouse, target: str) -> None:
    for attempt in ("195; touch stolen", "'$(touch stolen)'"):
        code, output = warehouse.make(target, f"PROJECT={attempt.replace('$', '$$')}")
        assert code == 2, output
        assert not (warehouse.folder / "stolen").exists()


@pytest.mark.usefixtures("unchanged")
def test_dry_run_of_make_does_nothing(warehouse: Warehouse) -> None:
    code, output = warehouse.make("-n", "land", "DATA=elsewhere")
    assert code == 0
    assert "-m pipeline land" in output


@pytest.mark.usefixtures("unchanged")
def test_query_behind_run_is_answered(warehouse: Warehouse) -> None:
    code, output = warehouse.make(
        "run", "query", "DATA=export", "SQL=select count(*) as project_count from core.dim_projects"
    )
    assert code == 0, output
    assert "nothing has changed" in output
    assert "project_count" in output


def test_several_goals_are_reached_in_turn(warehouse: Warehouse) -> None:
    other = Warehouse(warehouse, "several")
    code, output = other.make("clean", "land", "DATA=export")
    assert code == 0, output
    assert output.index("clean ") < output.index("land ")
    shutil.rmtree(other.root)
    code, output = other.make("-j2", "land", "features", "DATA=export")
    assert code == 0, output
    assert "another run writes" not in output
    assert output.count("rows accepted") == 1


def test_refused_landing_is_not_repeated_for_a_second_goal(warehouse: Warehouse) -> None:
    tables = export(MIXED)
    tables["votes"].append(tables["votes"][-1])
    write(warehouse.folder / "refused", tables)
    other = Warehouse(warehouse, "several")
    code, output = other.make("land", "validate", "DATA=refused")
    assert code == 2
    assert output.count("land REFUSED") + output.count("land       REFUSED") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("select {{ no_such_macro() }}", "no_such_macro"),
        ("select no_such_column from {{ ref('stg_projects') }}", "no_such_column"),
    ],
)
def test_bug_in_sql_is_no_refusal(warehouse: Warehouse, line: str, message: str) -> None:
    models = warehouse.folder / "dbt_project" / "models"
    (model,) = models.rglob("dim_projects.sql")
    text = model.read_text()
    model.write_text(line + "\n")
    try:
        code, output = warehouse.run("DATA=export")
    finally:
        model.write_text(text)
    assert code == 70, output
    assert message in output
    assert "REFUSED" not in output
    assert "features failed because of a bug" in output
    assert "the published warehouse is as it was" in output
