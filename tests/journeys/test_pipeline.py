"""The pipeline run again and again: what is redone, what is added, what a kill leaves."""

import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from ml.serving.rate_limit import RateLimit, RateLimitExceededError
from pages.registry import DBT_DOCS
from tests.journeys.clone import VENV, Clone, needs_make, sha256

pytestmark = [pytest.mark.journey, needs_make]


def test_a_comment_in_the_model_settings_redoes_the_models_and_adds_no_row(product: Clone) -> None:
    tables = (
        *("model_runs", "model_metrics", "predictions", "drift_stats", "experiment_results"),
        *("bandit_runs", "bandit_posteriors", "bandit_decisions", "policy_values"),
    )
    counts = [product.ask(f"select count(*) from ml.{table}") for table in tables]
    settings = product.folder / "ml" / "models.toml"
    settings.touch()
    assert "nothing has changed" in product.make("run")[1]
    settings.write_text(f"{settings.read_text()}# a comment\n")
    code, output = product.make("run")
    assert code == 0, output
    assert "train " in output
    assert "publish " in output
    assert "features  " not in output
    assert counts == [product.ask(f"select count(*) from ml.{table}") for table in tables]


def test_performance_is_journalled_once(product: Clone) -> None:
    journal = product.folder / "warehouse" / "monitoring" / "model_performance.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {line["model_name"] for line in lines} == {"project_success", "milestone_risk"}
    assert len({line["id"] for line in lines}) == len(lines)
    module = product.folder / "ml" / "monitoring" / "summary.py"
    module.write_text(f"{module.read_text()}# a comment\n")
    code, output = product.make("run")
    assert code == 0, output
    assert "up to date" in output
    assert "0 new lines" in output
    assert len(journal.read_text().splitlines()) == len(lines)


def test_a_change_of_insights_alone_reaches_the_docs_and_the_results_of_tests(
    product: Clone,
) -> None:
    models = product.folder / "dbt_project" / "models/marts/insights/_insights__models.yml"
    changed = 'name, as it is signed."\n        data_tests: [not_null]'
    models.write_text(models.read_text().replace('public name."', changed, 1))
    code, output = product.make("run")
    assert code == 0, output
    assert "features  " not in output
    assert "name, as it is signed." in (product.folder / "site" / DBT_DOCS.path).read_text()
    assert product.ask(
        "select status from quality.dbt_test_results where column_name = 'creator_name'"
        " and run_id = (select max_by(run_id, published_at) from quality.runs)"
    ) == [("pass",)]


@pytest.mark.parametrize("by_hand", ["dbt_project", "."])
def test_dbt_works_by_hand_with_no_variable_set(
    product: Clone, tmp_path: Path, by_hand: str
) -> None:
    """From both folders, as an editor's extension or somebody at a prompt calls it."""
    code, output = product.make("land")
    assert code == 0, output
    before = sha256(product.published)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DBT", "ESCROW", "MAKE"))
    }
    folder = product.folder / by_hand

    def dbt(*arguments: str) -> str:
        command = [VENV / "bin" / "dbt", *arguments]
        command += [] if by_hand == "dbt_project" else ["--project-dir", "dbt_project"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"PWD": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "All checks passed" in dbt("debug")
    assert "escrow.marts.core.escrow_balances" in dbt("ls")
    dbt("build", "--select", "+escrow_balances")
    own = product.folder / "warehouse" / "build" / "by_hand.duckdb"
    with duckdb.connect(str(own), read_only=True) as con:
        built = con.execute("select * from core.escrow_balances order by all").fetchall()
    assert built == product.ask("select * from core.escrow_balances order by all")
    dbt("docs", "generate")
    assert (product.folder / "dbt_project" / "target" / "catalog.json").is_file()
    assert sha256(product.published) == before
    own.unlink()


def test_monitor_exits_with_1_only_for_an_alert_and_only_when_asked_to(
    product: Clone, tmp_path: Path
) -> None:
    def monitor(*variables: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pipeline", "monitor", *variables]
        done = subprocess.run(command, cwd=product.folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert monitor("FAIL_ON_ALERT=1")[0] == 0
    assert "nothing has changed" in product.make("run")[1]
    data = shutil.copytree(product.folder / "warehouse/generated/steady-1-42", tmp_path / "data")
    duckdb.execute(
        f"""
        copy (
            select pledge_id, project_id, backer_id,
                case when launched_at < '2023' then amount
                else cast(90 * cast(amount as decimal(18, 2)) as varchar) end as amount,
                pledged_at
            from read_csv('{data}/pledges.csv', all_varchar = true)
            inner join (
                select project_id, launched_at
                from read_csv('{data}/projects.csv', all_varchar = true)
            ) using (project_id)
        ) to '{tmp_path}/pledges.csv'
        """
    )
    shutil.move(tmp_path / "pledges.csv", data / "pledges.csv")
    code, output = monitor(f"DATA={data}")
    assert code == 0, output
    assert "ALERT " in output
    assert monitor("FAIL_ON_ALERT=1", f"DATA={data}")[0] == 1
    code, output = product.make("monitor", "FAIL_ON_ALERT=yes")
    assert code == 2
    assert "FAIL_ON_ALERT=yes" in output


def test_same_inputs_give_the_same_tables(product: Clone, tmp_path: Path) -> None:
    other = Clone(tmp_path)
    code, output = other.make("run")
    assert code == 0, output
    first, second = product.digests(), other.digests()
    # how often a gate has looked, and what was published before, is history, not content
    for name in ("validation_results", "dbt_test_results", "table_volumes", "runs"):
        first.pop(f"quality.{name}")
        second.pop(f"quality.{name}")
    assert len(first) > 50
    assert first == second


def test_online_predictions_come_into_the_warehouse_with_the_next_run(product: Clone) -> None:
    assert product.make("run")[0] == 0
    ((project, probability),) = product.ask(
        "select project_id, success_probability from insights.project_outlook order by 1 limit 1"
    )
    code, output = product.make("predict-one", f"PROJECT={project}")
    assert code == 0, output
    assert f"project {project}: success {probability:.4f}" in output
    code, output = product.make("run")
    assert code == 0, output
    assert "predictions in the log: 1 new, 0 known" in output
    assert "train " not in output
    online = "select entity_id, predicted_probability from ml.predictions where origin = 'online'"
    assert product.ask(online) == [(project, probability)]
    assert "nothing has changed" in product.make("run")[1]


def test_over_the_limit_make_says_when_to_come_back(product: Clone) -> None:
    before = sha256(product.published)
    limit = RateLimit(f"sqlite:///{product.folder}/warehouse/limits/requests.sqlite")
    with suppress(RateLimitExceededError):
        for _ in range(60):
            limit.take(getpass.getuser())
    code, output = product.make("predict-one", "PROJECT=1")
    assert code == 2
    assert "come back in" in output
    assert product.make("predict-one")[0] == 2
    assert sha256(product.published) == before


def test_killed_run_changes_nothing_and_a_second_one_is_refused_meanwhile(product: Clone) -> None:
    before = sha256(product.published)
    running = product.start("run", "SEED=43")
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("land "):
            break
    code, output = product.make("run")
    assert code == 2
    (pid,) = re.findall(r"pid (\d+)", output)
    assert os.getpgid(int(pid)) == running.pid
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    # its stages take a moment to end, and hold the lock; what nobody waits for stays listed
    with suppress(ProcessLookupError):
        for _ in range(200):
            os.killpg(running.pid, 0)
            time.sleep(0.05)
    assert sha256(product.published) == before

    # the next run just works; its data are of another platform, so the old warehouse is set aside
    code, output = product.make("run", "SEED=43")
    assert code == 0, output
    assert "another platform" in output
    (aside,) = (product.folder / "warehouse").glob("escrow.*T*.duckdb")
    assert sha256(aside) == before
    assert product.ask("select count(distinct model_version) from ml.model_runs") == [(8,)]


def test_a_build_is_compared_with_what_is_published(product: Clone) -> None:
    code, output = product.make("diff")
    assert code == 0, output
    assert "there is no build in hand" in output
    assert product.make("features", "SEED=43", "AS_OF=2023-12-01T00:00:00Z")[0] == 0
    code, output = product.make("diff")
    assert code == 0, output
    counts = dict(re.findall(r"^(core\.\S+) +[\d,]+ +\d+ +([\d,]+) +0$", output, re.MULTILINE))
    ((later,),) = product.ask("select count(*) from core.fct_votes where voted_at >= '2023-12-01'")
    assert counts["core.fct_votes"] == f"{later:,}"
    assert "insights are not built yet" in output
