"""The generated platform run again for other timestamps, settings and corrected data."""

import csv
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.journeys.clone import Clone, needs_make, sha256
from tests.journeys.warehouses import Warehouse, is_conserved, stages_of_last_run, state

pytestmark = [pytest.mark.journey, needs_make]
PROJECTS = "select project_id, success_probability, model_version, reasons from {}"
MILESTONES = """
    select milestone_id, model_version, reasons from {} where not is_decided order by all
"""
SHEET = """
    select milestone_id, recommendation, risk_probability, held_amount, release_amount, reasons
    from insights.release_decisions order by all
"""


@pytest.fixture(scope="module")
def warehouse(product: Clone) -> Warehouse:
    """The warehouse of the first `make run`."""
    return Warehouse(product, "warehouse")


def trained(warehouse: Warehouse) -> list[tuple]:
    return warehouse.ask(
        "select distinct model_name, model_version from ml.model_runs"
        " where status = 'trained' order by all"
    )


def test_mistyped_timestamp_changes_nothing_and_costs_nothing(warehouse: Warehouse) -> None:
    before = sha256(warehouse.published)
    warehouse.publish()
    for as_of in ("2023-13-01", "yesterday", "2023-06-01T25:00:00Z"):
        code, output = warehouse.run(f"AS_OF={as_of}")
        assert code == 2
        assert as_of in output
        assert "Traceback" not in output
    assert "nothing has changed" in warehouse.publish()
    assert sha256(warehouse.published) == before


def test_run_for_an_earlier_timestamp_leaves_the_present_as_it_was(warehouse: Warehouse) -> None:
    before = state(warehouse)
    warehouse.publish("AS_OF=2023-06-01T00:00:00Z")
    assert str(warehouse.ask("select as_of from core.warehouse_as_of")[0][0]) == (
        "2023-06-01 00:00:00"
    )
    assert warehouse.ask(
        "select count(*) from core.fct_pledges where pledged_at >= '2023-06-01'"
    ) == [(0,)]
    warehouse.publish()
    assert state(warehouse) == before


def test_setting_and_truth_change_the_models_and_back(warehouse: Warehouse) -> None:
    before, known = state(warehouse), trained(warehouse)
    truth = warehouse.folder / "truth"
    generate = ["generator", "--scale", "1", "--seed", "42", "--out", str(truth) + ".data"]
    subprocess.run(
        [sys.executable, "-m", *generate, "--truth", str(truth)], cwd=warehouse.folder, check=True
    )
    settings = warehouse.folder / "ml" / "models.toml"
    text = settings.read_text()
    settings.write_text(text.replace("n_estimators = 100", "n_estimators = 50", 1))
    output = warehouse.publish(f"TRUTH={truth}")
    assert stages_of_last_run(warehouse) == ["ml", "insights", "publish", "pages"], output
    assert len(trained(warehouse)) > len(known)
    oracle = "select count(*) from ml.model_metrics where predictor = 'oracle'"
    assert warehouse.ask(oracle)[0][0] > 0

    settings.write_text(text)
    warehouse.publish()
    assert stages_of_last_run(warehouse) == ["ml", "insights", "publish", "pages"]
    assert set(known) < set(trained(warehouse))
    assert state(warehouse) == before


def test_lost_model_files_are_said_and_made_again(warehouse: Warehouse) -> None:
    before = state(warehouse)
    ((project,),) = warehouse.ask("select min(project_id) from insights.project_outlook")
    shutil.rmtree(warehouse.root / "models")
    code, output = warehouse.make("predict-one", f"PROJECT={project}")
    assert code == 2
    assert "its model file cannot be read" in output
    assert "Traceback" not in output
    warehouse.publish()
    assert state(warehouse) == before
    code, output = warehouse.make("predict-one", f"PROJECT={project}")
    assert code == 0, output


def corrected(warehouse: Warehouse) -> Path:
    """The generated platform, with 5,000.00 more in the first pledge of each live project."""
    data = warehouse.folder / "corrected"
    shutil.copytree(warehouse.root / "generated" / "steady-1-42", data)
    live = {str(key) for (key,) in warehouse.ask("select project_id from insights.project_outlook")}
    with (data / "pledges.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["project_id"] in live:
            live.remove(row["project_id"])
            row["amount"] = str(Decimal(row["amount"]) + 5000)
    with (data / "pledges.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return data


def test_corrected_export_is_predicted_anew_everywhere(warehouse: Warehouse) -> None:
    as_of = warehouse.ask("select as_of from core.warehouse_as_of")
    before = warehouse.ask(PROJECTS.format("insights.project_outlook order by all"))
    data = corrected(warehouse)
    warehouse.publish(f"DATA={data}")
    fresh = Warehouse(warehouse, "fresh")
    fresh.publish(f"DATA={data}")
    assert warehouse.ask("select as_of from core.warehouse_as_of") == as_of
    assert is_conserved(warehouse)
    assert state(warehouse) == state(fresh)

    outlook = warehouse.ask(PROJECTS.format("insights.project_outlook order by all"))
    assert len(outlook) == len(before)
    pledged = "select project_id from core.dim_projects where pledge_count > 0"
    corrected_projects = {key for (key,) in warehouse.ask(pledged)}
    changed = {new[0] for new, old in zip(outlook, before, strict=True) if new != old}
    assert changed == {row[0] for row in outlook} & corrected_projects
    assert outlook == fresh.ask(PROJECTS.format("insights.project_outlook order by all"))
    assert warehouse.ask(SHEET) == fresh.ask(SHEET)
    assert warehouse.ask(MILESTONES.format("insights.milestone_outlook")) == warehouse.ask(
        MILESTONES.format("insights.release_decisions")
    )
    for project, probability, version, _ in outlook:
        code, output = warehouse.make("predict-one", f"PROJECT={project}")
        assert code == 0, output
        *_, answer = (warehouse.root / "online" / "predictions.jsonl").read_text().splitlines()
        prediction = json.loads(answer)
        assert prediction["predicted_probability"] == probability
        assert prediction["model_version"] == version


def test_two_warehouses_of_a_clone_share_nothing(warehouse: Warehouse) -> None:
    before = sha256(warehouse.published)
    other = Warehouse(warehouse, "w7")
    code, output = other.make("land", "SEED=7")
    assert code == 0, output
    assert sorted(each.name for each in other.root.iterdir() if each.suffix == "") == [
        ".lock",
        "build",
        "generated",
        "landed",
    ]
    code, output = warehouse.make("features", f"DATA={warehouse.folder / 'corrected'}")
    assert code == 0
    assert "nothing has changed" in output
    assert sha256(warehouse.published) == before
