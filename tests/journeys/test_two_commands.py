"""The one story of this folder that `make test` has too: `make run`, and what it leaves to read."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import duckdb
import pytest

from pages.registry import DBT_DOCS, LINEAGE, NAVIGATION, PAGES
from pipeline.runner import NAMES
from tests.conftest import FRESH_SEEDS
from tests.forks import Forks
from tests.journeys.clone import Clone, needs_make, sha256
from tests.journeys.warehouses import Warehouse, is_conserved, stages_of_last_run

pytestmark = needs_make


def test_a_run_says_no_more_than_it_should(product: Clone) -> None:
    """Each line is of a stage or goes on with one, and fits the screen: no log, one warning.

    Of 200 projects one may hold most of the money in escrow, which whoever runs it should know.
    """
    lines = product.first_output.splitlines()
    others = [line for line in lines if not re.match(r"[a-z][a-z-]* +\S| {2,}\S", line)]
    assert others == []
    assert [line for line in lines if len(line) > 120] == []
    lines = [line for line in lines if "still running (" not in line]
    (validated,) = [number for number, line in enumerate(lines) if line.startswith("validate ")]
    assert ", 0 errors" in lines[validated]
    warnings = list(takewhile(lambda line: line.startswith(" "), lines[validated + 1 :]))
    assert len(warnings) <= 1
    assert all("escrow_balances, no_project_holds_it_all" in line for line in warnings)


def test_live_projects_and_open_milestones_have_predictions(product: Clone) -> None:
    """A milestone whose outcome is known has that instead of a probability."""
    for outlook, probability, is_known in (
        ("project_outlook", "success_probability", "false"),
        ("milestone_outlook", "risk_probability", "risk_source = 'known outcome'"),
    ):
        query = f"select {probability}, model_version, {is_known} from insights.{outlook}"
        rows = product.ask(query)
        assert len(rows) > 3
        assert all(value == 1 if known else 0 < value < 1 for value, _, known in rows)
        assert all(version for _, version, _ in rows)


def test_money_is_where_the_ledger_says(product: Clone) -> None:
    ((pledged, rest),) = product.ask(
        "select sum(pledged_amount), sum(held_amount + released_amount + refunded_amount)"
        " from core.escrow_balances"
    )
    assert pledged == rest > 0
    assert product.ask("select sum(amount) from core.fct_pledges") == [(pledged,)]


def test_every_published_column_says_what_it_means(product: Clone) -> None:
    ((columns, silent),) = product.ask(
        "select count(*), count(*) filter (coalesce(comment, '') = '') from duckdb_columns()"
        " where not internal"
    )
    assert columns > 1000
    assert silent == 0


def test_manifest_of_each_model_names_its_digest(product: Clone) -> None:
    rows = product.ask(
        "select artifact_path, artifact_sha256 from ml.model_runs where status = 'trained'"
    )
    assert len(rows) == 8  # four candidates of each model
    for path, digest in rows:
        artifact = product.folder / "warehouse" / path
        assert sha256(artifact) == digest
        manifest = json.loads((artifact.parent / "manifest.json").read_text())
        assert digest in json.dumps(manifest)


def test_pages_link_to_each_other_and_to_nothing_outside(product: Clone) -> None:
    site = product.folder / "site"
    for page in (*PAGES, DBT_DOCS, LINEAGE):
        assert (site / page.path).stat().st_size > 5_000
    for page in NAVIGATION:
        assert f'href="{page.path}"' in (site / "index.html").read_text()
        for other in PAGES:
            assert (
                f'href="{"../" if other.folder else ""}{page.path}"'
                in (site / other.path).read_text()
            )
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"""(?:src|href)=["']https?://(?!\[::1\])|@import\s*["'\w]|url\(["']?https?:""",
            page.read_text(),
        )
        assert loaded == [], page


def test_query_answers_with_a_client_of_another_version(product: Clone) -> None:
    code, output = product.make("query", "SQL=select count(*) as answer from core.dim_projects")
    assert code == 0, output
    assert "answer" in output
    assert "200" in output
    assert product.make("query")[0] == 2
    code, output = product.make("query", "SQL=describe core.dim_projects")
    assert "funding_goal" in output
    assert "\033" not in output  # colours are for a terminal
    code, output = product.make("query", "SQL=create table core.mine (i int)")
    assert code != 0
    assert "read-only" in output


def test_a_run_leaves_the_result_of_every_dbt_test_and_the_age_of_the_raw_data(
    product: Clone,
) -> None:
    passed = sum(map(int, re.findall(r"([\d,]+) tests passed", product.first_output)))
    results = product.ask(
        """
        select count(*), bool_and(status = 'pass') from quality.dbt_test_results as tests
        inner join quality.runs as runs on tests.run_id = if(
            tests.stage = 'features', runs.features_run_id, runs.insights_run_id
        )
        """
    )
    assert results == [(passed, True)]
    assert product.ask(
        """
        select
            max(newest_event_at) + interval 1 microsecond = max(runs.as_of),
            count(newest_event_at)
        from quality.table_volumes inner join quality.runs as runs using (run_id)
        """
    ) == [(True, 7)]
    for name, count in product.ask("select table_name, row_count from quality.table_volumes"):
        assert product.ask(f"select count(*) from {name}") == [(count,)], name


def test_query_and_export_give_the_format_that_is_named(product: Clone) -> None:
    sql = "SQL=select project_id, held_amount from core.escrow_balances order by 1"
    expected = product.ask("select project_id, held_amount from core.escrow_balances order by 1")
    code, output = product.make("query", sql, "FORMAT=json")
    assert code == 0, output
    # decimals are texts there
    found = [(row["project_id"], Decimal(row["held_amount"])) for row in json.loads(output)]
    assert found == expected
    first = expected[0]
    assert product.make("query", sql, "FORMAT=csv")[1].splitlines()[1] == f"{first[0]},{first[1]}"
    assert product.make("query", sql, "FORMAT=markdown")[1].startswith("| project_id |")
    for name in ("csv", "parquet", "json"):
        code, output = product.make("export", "TABLE=core.escrow_balances", f"FORMAT={name}")
        assert code == 0, output
        file = product.folder / "exports" / f"core.escrow_balances.{name}"
        rows = duckdb.sql(f"select project_id, cast(held_amount as decimal(18, 2)) from '{file}'")
        assert rows.order("project_id").fetchall() == expected


def test_unchanged_run_does_nothing(product: Clone) -> None:
    before = product.published.stat()
    code, output = product.make("run")
    assert code == 0
    assert "nothing has changed" in output
    assert "train" not in output
    assert product.published.stat() == before


def test_refused_export_is_named_and_changes_nothing(product: Clone, tmp_path: Path) -> None:
    data = tmp_path / "export"
    shutil.copytree(product.folder / "warehouse" / "generated" / "steady-1-42", data)
    lines = (data / "votes.csv").read_text().splitlines()
    (data / "votes.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    before = sha256(product.published)
    code, output = product.make("run", f"DATA={data}")
    assert code == 2
    assert "land refused: the published warehouse is as it was" in output
    key = lines[-1].split(",")[0]
    assert f"votes  duplicate_key  2 rows: {key}, {key}" in output
    assert sha256(product.published) == before
    (report,) = (product.folder / "warehouse" / "rejected").glob("*/violations.csv")
    assert report.read_text().count(f"votes,{key},") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["DATA=no-such-folder"], "no-such-folder"),
        (["AS_OF=yesterday"], "AS_OF=yesterday"),
        (["SCALE=0"], "scale"),
        (["SCENARIO=sunny"], "sunny"),
        (["ON_BAD_ROWS=perhaps"], "ON_BAD_ROWS=perhaps"),
        (["TARGET=oracle"], "TARGET=oracle"),
    ],
)
def test_wrong_call_exits_with_2_and_says_why(
    product: Clone, arguments: list[str], message: str
) -> None:
    before = sha256(product.published)
    code, output = product.make("run", *arguments)
    assert code == 2
    assert message.lower() in output.lower()
    assert "Traceback" not in output
    assert sha256(product.published) == before


# the stages of a run import these for seconds each; the first `make run` above did so every time
SLOW_IMPORTS = (
    *("dbt.cli.main", "dbt.task.build", "dbt.task.docs.generate", "dbt.adapters.duckdb"),
    *("great_expectations", "altair", "sklearn.ensemble", "tea_tasting"),
)
STAGES_IN_A_FORK = """
import sys
from subprocess import TimeoutExpired
from types import SimpleNamespace

from pipeline import __main__, worker
from tests.forks import ForkedProcess

worker.subprocess = SimpleNamespace(Popen=ForkedProcess, TimeoutExpired=TimeoutExpired)
sys.exit(__main__.main())
"""


@pytest.fixture(scope="module")
def forks(product: Clone) -> Iterator[Forks]:
    """A process of its own: no module of the product has been imported there."""
    forks = Forks(product.folder)
    yield forks
    forks.close()


@pytest.mark.parametrize("number", range(2))
def test_a_fresh_seed_is_published(product: Clone, forks: Forks, number: int) -> None:
    """Whatever platform the seed makes: no run was tuned on it."""
    seed = os.environ[FRESH_SEEDS].split(",")[number]
    fresh = Warehouse(product, "fresh")
    done = forks.run(
        [sys.executable, "-c", STAGES_IN_A_FORK, "run", f"SEED={seed}", *fresh.variables],
        env=fresh.environment,
        imports=SLOW_IMPORTS,
    )
    assert done.returncode == 0, f"SEED={seed}\n{done.stdout}{done.stderr}"
    # nobody has asked for a prediction online yet
    assert stages_of_last_run(fresh) == [name for name in NAMES if name != "online"]
    assert is_conserved(fresh)
    assert fresh.ask("select count(*) from core.dim_projects") == [(200,)]
    assert (fresh.site / "index.html").stat().st_size > 5_000
