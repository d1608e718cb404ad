"""The whole street, called as its users call it: make, in a copy of the repository."""

import getpass
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from ml.online.rate_limit import RateLimit, RateLimitExceededError

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(sys.prefix)
# Wall-clock times and run ids stand only in these columns (by name, in any table).
WALL_CLOCK = {
    "run_id",
    "trained_at",
    "predicted_at",
    "measured_at",
    "decided_at",
    "validated_at",
    "quarantined_at",
}

pytestmark = pytest.mark.skipif(
    not (VENV / ".installed").exists() or not shutil.which("make"),
    reason="needs make and the environment of `make setup`",
)


class Clone:
    """A copy of the repository in which make is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    @property
    def published(self) -> Path:
        return self.folder / "warehouse" / "escrow.duckdb"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MAKE", "ESCROW", "DBT"))
        }
        return subprocess.Popen(
            ["make", *arguments, f"VENV={VENV}"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def ask(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.published), read_only=True) as con:
            return con.execute(sql).fetchall()

    def digests(self) -> dict[str, tuple]:
        """Row count and an order-free digest of every table and view, wall clocks left out."""
        with duckdb.connect(str(self.published), read_only=True) as con:
            columns = con.execute(
                "select table_schema || '.' || table_name, list(column_name order by column_name)"
                " from information_schema.columns group by all order by all"
            ).fetchall()
            return {
                table: con.execute(
                    f"select count(*), sum(hash(row({', '.join(sorted(kept))}))) from {table}"
                ).fetchone()
                for table, names in columns
                if (kept := set(names) - WALL_CLOCK)
            }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("street"))
    code, output = clone.make("run")
    assert code == 0, output
    return clone


def test_live_projects_and_open_milestones_have_predictions(street: Clone) -> None:
    """A milestone whose outcome is known has that instead of a probability."""
    for outlook, probability, is_known in (
        ("project_outlook", "success_probability", "false"),
        ("milestone_outlook", "risk_probability", "risk_source = 'known outcome'"),
    ):
        query = f"select {probability}, model_version, {is_known} from insights.{outlook}"
        rows = street.ask(query)
        assert len(rows) > 3
        assert all(value == 1 if known else 0 < value < 1 for value, _, known in rows)
        assert all(version for _, version, _ in rows)


def test_money_is_where_the_ledger_says(street: Clone) -> None:
    ((pledged, rest),) = street.ask(
        "select sum(pledged_amount), sum(held_amount + released_amount + refunded_amount)"
        " from core.escrow_balances"
    )
    assert pledged == rest > 0
    assert street.ask("select sum(amount) from core.fct_pledges") == [(pledged,)]


def test_query_answers_with_a_client_of_another_version(street: Clone) -> None:
    code, output = street.make("query", "SQL=select count(*) as answer from core.dim_projects")
    assert code == 0, output
    assert "answer" in output
    assert "200" in output
    assert street.make("query")[0] == 2
    code, output = street.make("query", "SQL=create table core.mine (i int)")
    assert code != 0
    assert "read-only" in output


def test_pages_link_to_each_other_and_to_nothing_outside(street: Clone) -> None:
    site = street.folder / "site"
    index = (site / "index.html").read_text()
    pages = ("report", "monitoring", "experiments", "releases", "dbt")
    for link in ("validation.html", *(f"{page}/index.html" for page in pages)):
        assert f'href="{link}"' in index
        assert (site / link).stat().st_size > 5_000
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"""(?:src|href)=["']https?://(?!\[::1\])|@import|url\(["']?https?:""", page.read_text()
        )
        assert loaded == [], page


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium, which .ci/run installs")
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("index.html", "Open milestones"),
        ("experiments/index.html", "Lift of conversion per view"),
        ("monitoring/index.html", "Alarms over time"),
        ("validation.html", "Needs attention"),
        ("releases/index.html", "Next launches"),
        ("report/index.html", "Model cards"),
        ("dbt/index.html", "<td>which live projects will reach their goal</td>"),
    ],
)
def test_pages_show_their_content_in_a_browser_without_network(
    street: Clone, tmp_path: Path, page: str, words: str
) -> None:
    """The dbt docs are drawn by their script: what counts is the document after it ran."""
    shown = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom"),
            (street.folder / "site" / page).as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert words in shown.stdout


def test_unchanged_run_does_nothing(street: Clone) -> None:
    before = street.published.stat()
    code, output = street.make("run")
    assert code == 0
    assert "nothing has changed" in output
    assert "train" not in output
    assert street.published.stat() == before


def test_touched_model_settings_redo_the_models_only_and_add_no_row(street: Clone) -> None:
    tables = (
        *("model_runs", "model_metrics", "predictions", "drift_stats", "experiment_results"),
        *("bandit_runs", "bandit_posteriors", "bandit_decisions", "policy_values"),
    )
    counts = [street.ask(f"select count(*) from ml.{table}") for table in tables]
    (street.folder / "ml" / "models.toml").touch()
    code, output = street.make("run")
    assert code == 0, output
    assert "train " in output
    assert "publish " in output
    assert "features  " not in output
    assert counts == [street.ask(f"select count(*) from ml.{table}") for table in tables]


def test_performance_is_journalled_once(street: Clone) -> None:
    journal = street.folder / "warehouse" / "monitoring" / "model_performance.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {line["model_name"] for line in lines} == {"project_success", "milestone_risk"}
    assert len({line["id"] for line in lines}) == len(lines)
    (street.folder / "ml" / "monitoring" / "words.py").touch()
    code, output = street.make("run")
    assert code == 0, output
    assert "up to date" in output
    assert "0 new lines" in output
    assert len(journal.read_text().splitlines()) == len(lines)


def test_monitor_exits_with_1_only_for_an_alert_and_only_when_asked_to(street: Clone) -> None:
    assert street.make("monitor", "FAIL_ON_ALERT=1")[0] == 0
    build = street.folder / "warehouse" / "build" / "escrow.duckdb"
    with duckdb.connect(str(build)) as con:
        con.execute(
            "update features.project_features set funding_goal = 90 * funding_goal"
            " where snapshot_at > (select max(cutoff_at) from ml.model_runs)"
        )
    code, output = street.make("monitor")
    assert code == 0, output
    assert "ALERT funding_goal at d3 moved: mean +" in output
    assert street.make("monitor", "FAIL_ON_ALERT=1")[0] == 1
    code, output = street.make("monitor", "FAIL_ON_ALERT=yes")
    assert code == 2
    assert "FAIL_ON_ALERT=yes" in output
    build.unlink()


def test_same_inputs_give_the_same_tables(street: Clone, tmp_path: Path) -> None:
    other = Clone(tmp_path)
    code, output = other.make("run")
    assert code == 0, output
    first, second = street.digests(), other.digests()
    # how often a gate has looked is history, not content
    first.pop("quality.validation_results")
    second.pop("quality.validation_results")
    assert len(first) > 50
    assert first == second


def test_refused_export_exits_with_1_and_changes_nothing(street: Clone, tmp_path: Path) -> None:
    data = tmp_path / "export"
    shutil.copytree(street.folder / "warehouse" / "generated" / "steady-1-42", data)
    lines = (data / "votes.csv").read_text().splitlines()
    (data / "votes.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    before = sha256(street.published)
    code, output = street.make("run", f"DATA={data}")
    assert code == 1
    key = lines[-1].split(",")[0]
    assert f"votes  duplicate_key  2 rows: {key}, {key}" in output
    assert sha256(street.published) == before
    (report,) = (street.folder / "warehouse" / "rejected").glob("*/violations.csv")
    assert report.read_text().count(f"votes,{key},") == 2


def test_online_predictions_come_into_the_warehouse_with_the_next_run(street: Clone) -> None:
    assert street.make("run")[0] == 0
    ((project, probability),) = street.ask(
        "select project_id, success_probability from insights.project_outlook order by 1 limit 1"
    )
    code, output = street.make("predict-one", f"PROJECT={project}")
    assert code == 0, output
    assert f"project {project}: success {probability:.4f}" in output
    code, output = street.make("run")
    assert code == 0, output
    assert "predictions in the log: 1 new, 0 known" in output
    assert "train " not in output
    online = "select entity_id, predicted_probability from ml.predictions where origin = 'online'"
    assert street.ask(online) == [(project, probability)]
    assert "nothing has changed" in street.make("run")[1]


def test_over_the_limit_make_leaves_with_1(street: Clone) -> None:
    before = sha256(street.published)
    limit = RateLimit(f"sqlite:///{street.folder}/warehouse/limits/requests.sqlite")
    with suppress(RateLimitExceededError):
        for _ in range(60):
            limit.take(getpass.getuser())
    code, output = street.make("predict-one", "PROJECT=1")
    assert code == 1
    assert "come back in" in output
    assert street.make("predict-one")[0] == 2
    assert sha256(street.published) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["DATA=no-such-folder"], "no-such-folder"),
        (["AS_OF=yesterday"], "AS_OF=yesterday"),
        (["SCALE=0"], "scale"),
        (["ON_BAD_ROWS=perhaps"], "ON_BAD_ROWS=perhaps"),
        (["TARGET=oracle"], "TARGET=oracle"),
    ],
)
def test_wrong_call_exits_with_2_and_says_why(
    street: Clone, arguments: list[str], message: str
) -> None:
    before = sha256(street.published)
    code, output = street.make("run", *arguments)
    assert code == 2
    assert message.lower() in output.lower()
    assert "Traceback" not in output
    assert sha256(street.published) == before


def test_killed_run_changes_nothing_and_a_second_one_is_refused_meanwhile(street: Clone) -> None:
    before = sha256(street.published)
    running = street.start("run", "SEED=43")
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("land "):
            break
    code, output = street.make("run")
    assert code == 2
    (pid,) = re.findall(r"pid (\d+)", output)
    assert os.getpgid(int(pid)) == running.pid
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert sha256(street.published) == before

    # the next run just works; its data are of another platform, so the old warehouse is set aside
    code, output = street.make("run", "SEED=43")
    assert code == 0, output
    assert "another platform" in output
    (aside,) = (street.folder / "warehouse").glob("escrow.*T*.duckdb")
    assert sha256(aside) == before
    assert street.ask("select count(distinct model_version) from ml.model_runs") == [(4,)]


def test_manifest_of_each_model_names_its_digest(street: Clone) -> None:
    rows = street.ask(
        "select artifact_path, artifact_sha256 from ml.model_runs where status = 'trained'"
    )
    assert len(rows) == 4  # two candidates of each model
    for path, digest in rows:
        artifact = street.folder / "warehouse" / path
        assert sha256(artifact) == digest
        manifest = json.loads((artifact.parent / "manifest.json").read_text())
        assert digest in json.dumps(manifest)
