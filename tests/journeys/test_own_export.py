"""A user's own export: rejected, quarantined, mended under kills, replaced by another platform."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.dbt_project.export import Tables
from tests.journeys.clone import Clone, needs_make, sha256
from tests.journeys.exports import MIXED, export, write
from tests.journeys.warehouses import (
    Reader,
    Warehouse,
    is_conserved,
    runs,
    runs_and_has_open,
    stages_of_last_run,
    state,
    wait_for,
)

pytestmark = [pytest.mark.journey, needs_make]
DUCKDB = [str(Path(sys.executable).with_name("duckdb"))]
# Each stage, and when in it the run is killed.
KILLS: dict[str, Callable[[int], bool]] = {
    "land": runs("expectations.landing"),
    "features": runs_and_has_open("pipeline.dbt", "features", name="escrow.duckdb.wal"),
    "validate": runs_and_has_open("expectations.validation", name="escrow.duckdb"),
    "ml": runs_and_has_open("ml", "train", name="escrow.duckdb"),
    "insights": runs_and_has_open("pipeline.dbt", "insights", name="escrow.duckdb.wal"),
    "publish": runs("pipeline.publish"),
    "pages": runs("ml.monitoring"),
}
ONE_RUN = """
    select
        (select count(*) from core.dim_projects),
        (select count(*) from core.fct_pledges),
        (select sum(pledged_amount) from core.escrow_balances),
        (select count(*) from insights.project_outlook),
        (select count(*) from quality.quarantined_rows)
"""


def mended() -> Tables:
    """What the export should have held; a live project gets another title meanwhile."""
    tables = export(MIXED)
    tables["projects"][-1]["title"] = "Mended title"
    return tables


def broken() -> Tables:
    """The export with a pledge of nothing, and a project whose milestones miss its goal."""
    tables = export(MIXED)
    tables["pledges"][-1]["amount"] = Decimal("0.00")
    tables["projects"][0]["funding_goal"] += 1
    return tables


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """An empty warehouse; the tests of this file are one story and go on with it."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    write(clone.folder / "broken", broken())
    write(clone.folder / "mended", mended())
    return Warehouse(clone, "own")


def test_broken_export_is_rejected_with_rule_and_keys(warehouse: Warehouse) -> None:
    code, output = warehouse.run("DATA=broken")
    assert code == 1
    pledge = broken()["pledges"][-1]["pledge_id"]
    assert f"pledges  amount_above_zero  1 row: {pledge}" in output
    assert "projects  milestone_amounts_add_up_to_goal  1 row: 101" in output
    assert "violations.csv" in output
    assert "nothing is published yet" in output
    assert not warehouse.published.exists()
    assert not warehouse.site.exists()
    assert warehouse.make("run", "DATA=broken")[0] == 2


def test_quarantine_publishes_the_rest_and_a_rejected_run_leaves_it(warehouse: Warehouse) -> None:
    warehouse.publish("DATA=broken", "ON_BAD_ROWS=quarantine")
    given = {name: len(rows) for name, rows in broken().items()}
    for table, core in (("projects", "dim_projects"), ("pledges", "fct_pledges")):
        ((kept, lost),) = warehouse.ask(
            f"select (select count(*) from core.{core}), count(*) from quality.quarantined_rows"
            f" where table_name = '{table}'"
        )
        assert lost > 0
        assert kept + lost == given[table]
    assert is_conserved(warehouse)
    assert "raw rows were" in warehouse.page("index.html")
    assert "Mended title" not in warehouse.page("index.html")

    before = sha256(warehouse.published)
    assert warehouse.run("DATA=broken")[0] == 1
    assert sha256(warehouse.published) == before
    code, output = warehouse.make("query", "SQL=select count(*) as n from core.dim_projects")
    assert code == 0
    assert str(given["projects"] - 1) in output


@pytest.mark.parametrize("stage", KILLS)
def test_mended_export_survives_a_kill_in_each_stage(warehouse: Warehouse, stage: str) -> None:
    before = sha256(warehouse.published)
    process = warehouse.schedule("run", "DATA=mended")
    wait_for(process, KILLS[stage])
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    if stage in ("publish", "pages"):  # done at once: before or after, never between
        assert warehouse.ask("select count(*) from core.dim_projects") in ([(9,)], [(10,)])
    else:
        assert sha256(warehouse.published) == before


def test_mended_rows_replace_the_quarantined_ones(warehouse: Warehouse) -> None:
    warehouse.publish("DATA=mended")
    given = mended()
    assert warehouse.ask(
        "select (select count(*) from core.dim_projects), (select count(*) from core.fct_pledges),"
        " (select count(*) from core.fct_milestones), (select count(*) from core.fct_votes)"
    ) == [tuple(len(given[name]) for name in ("projects", "pledges", "milestones", "votes"))]
    assert warehouse.ask("select sum(pledged_amount) from core.escrow_balances") == [
        (sum(row["amount"] for row in given["pledges"]),)
    ]
    assert is_conserved(warehouse)
    index = warehouse.page("index.html")
    assert "Mended title" in index
    assert "raw rows were" not in index
    assert "nothing has changed" in warehouse.publish("DATA=mended")


def test_undisturbed_warehouse_holds_the_same_and_ctrl_c_says_so(warehouse: Warehouse) -> None:
    fresh = Warehouse(warehouse, "fresh")
    process = fresh.schedule("run", "DATA=mended")
    wait_for(process, KILLS["features"])
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130
    assert output.strip().splitlines()[-1].startswith("pipeline")
    assert "interrupted" in output.strip().splitlines()[-1]
    assert "Traceback" not in output
    assert not fresh.published.exists()

    fresh.publish("DATA=mended")
    assert state(fresh) == state(warehouse)


def test_readers_meet_whole_runs_only(warehouse: Warehouse) -> None:
    """The outlooks are asked without a break from just before the publish until after the pages."""
    readers = [
        Reader(warehouse.published, ONE_RUN),
        Reader(warehouse.published, ONE_RUN, command=DUCKDB),
    ]
    for reader in readers:
        reader.ask()
    process = warehouse.schedule("run", "DATA=broken", "ON_BAD_ROWS=quarantine")
    wait_for(process, KILLS["insights"])
    while process.poll() is None:
        for reader in readers:
            reader.ask()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    for reader in readers:
        assert reader.errors == []
        assert len(reader.answers) == 2  # the state before, then the state after


def test_another_platform_begins_a_new_history(warehouse: Warehouse) -> None:
    old = sha256(warehouse.published)
    other = export(["live", *4 * ["successful"], "failed"])
    for project in other["projects"]:
        project["creator_id"] = 1 + project["creator_id"] % 3
    data = write(warehouse.folder / "other", other)
    output = warehouse.publish(f"DATA={data}")
    assert "this counts as another platform" in output
    (aside,) = warehouse.root.glob("escrow.*Z.duckdb")
    assert sha256(aside) == old
    runs_known = "select count(distinct run_id) from {}.ml.model_runs"
    assert warehouse.ask(runs_known.format("escrow")) == [(1,)]
    assert warehouse.ask("select count(*) from core.dim_projects") == [(6,)]
    assert warehouse.ask("select count(*) from quality.quarantined_rows") == [(0,)]
    assert is_conserved(warehouse)


def test_what_is_removed_or_damaged_is_made_again(warehouse: Warehouse) -> None:
    fresh = Warehouse(warehouse, "fresh")
    before = state(fresh)
    for folder in (fresh.site, fresh.root / "landed"):
        shutil.rmtree(folder)
    fresh.publish("DATA=mended")
    assert stages_of_last_run(fresh) == ["land", "pages"]
    (fresh.site / "index.html").write_text("<html>half a pa")
    fresh.publish("DATA=mended")
    assert stages_of_last_run(fresh) == ["pages"]
    assert fresh.page("index.html").rstrip().endswith("</html>")

    whole = fresh.published.read_bytes()
    fresh.published.write_bytes(whole[: len(whole) // 2])
    damaged = sha256(fresh.published)
    code, output = fresh.run("DATA=mended")
    assert code == 2
    assert "escrow.duckdb cannot be read" in output
    assert "put a backup in its place" in output
    assert "Traceback" not in output
    assert sha256(fresh.published) == damaged

    fresh.published.write_bytes(whole)  # the backup
    assert fresh.make("clean")[0] == 0
    assert not fresh.site.exists()
    assert sha256(fresh.published) != damaged
    fresh.publish("DATA=mended")
    assert state(fresh) == before


def test_lost_published_file_is_built_again_without_history(warehouse: Warehouse) -> None:
    fresh = Warehouse(warehouse, "fresh")
    before = state(fresh)
    fresh.published.unlink()
    code, output = fresh.make("query", "SQL=select 1")
    assert code == 2
    assert "nothing is published yet" in output
    fresh.publish("DATA=mended")
    assert state(fresh) == before
