"""Makes the site after a publish: the first page, the validation page and the dbt docs."""

import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from expectations.errors import CallError, Parser, exit_code
from expectations.templates import render
from expectations.warehouse import Connection, Warehouse, connect

FACTS = """
    select
        (select as_of from core.warehouse_as_of) as as_of,
        (select count(*) from core.dim_projects) as project_count,
        (select count(*) from insights.project_outlook) as live_count,
        (select count(*) from insights.milestone_outlook) as milestone_count,
        (select coalesce(sum(held_amount), 0) from core.escrow_balances) as held_amount,
        (select count(*) from quality.quarantined_rows where run_id = (
            select run_id from raw.landing
        )) as quarantined_count
"""
LIVE_PROJECTS = """
    select title, funding_goal, funding_ratio, days_left, is_decided, success_probability
    from insights.project_outlook
    order by is_decided, success_probability desc nulls last, project_id
    limit 10
"""
OPEN_MILESTONES = """
    select project_title, milestone_title, days_left, held_amount, is_decided, risk_probability
    from insights.milestone_outlook
    order by is_decided, risk_probability desc nulls last, milestone_id
    limit 10
"""
MODELS_IN_USE = """
    select model_name, model_version, status, reason, cutoff_at
    from intermediate.int_models_in_use
    order by model_name desc
"""
METRICS = """
    select
        snapshot_kind,
        max(row_count) as row_count,
        max(base_rate) as base_rate,
        max(value) filter (metric = 'accuracy') as accuracy,
        max(ci_low) filter (metric = 'accuracy') as accuracy_low,
        max(ci_high) filter (metric = 'accuracy') as accuracy_high,
        max(value) filter (metric = 'auc') as auc,
        max(ci_low) filter (metric = 'auc') as auc_low,
        max(ci_high) filter (metric = 'auc') as auc_high
    from staging.stg_model_metrics
    where model_name = $1 and model_version = $2 and split = 'test_undecided'
    group by snapshot_kind
    order by list_position(
        ['launch', 'h4', 'h36', 'd3', 'd6', 'd14', 'd21',
         'start', 'due', 'vote_1d', 'vote_3d', 'all'],
        snapshot_kind
    )
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the site from the command line and returns the exit code."""
    parser = Parser(prog="pages", description=__doc__)
    parser.add_argument("--warehouse", required=True, help="folder of the warehouse")
    parser.add_argument("--site", required=True, type=Path, help="folder of the pages")
    parser.add_argument("--docs", required=True, type=Path, help="dbt's static page")
    options = parser.parse_args(arguments)
    return exit_code(
        "pages", lambda: make_site(Warehouse.at(options.warehouse), options.site, options.docs)
    )


def make_site(warehouse: Warehouse, site: Path, docs: Path) -> None:
    """Writes `index.html`, `validation.html` and `dbt/index.html`; none needs a network.

    Raises:
        CallError: Nothing is published, or a page that the site shows was not made.
    """
    started = time.perf_counter()
    validation = warehouse.build_folder / "validation.html"
    for needed in (warehouse.published, validation, docs):
        if not needed.exists():
            raise CallError(f"{needed} is missing: make run")
    (site / "dbt").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(validation, site / "validation.html")
    shutil.copyfile(docs, site / "dbt" / "index.html")
    with closing(connect(warehouse.published, read_only=True)) as con:
        page = _first_page(con)
    # the first page comes last: when it is there, so is what it links
    (site / "index.html.new").write_text(page, encoding="utf-8")
    (site / "index.html.new").replace(site / "index.html")
    print(f"{'pages':<10} ({time.perf_counter() - started:.1f} s) -> {site / 'index.html'}")


def _first_page(con: Connection) -> str:
    models = _rows(con, MODELS_IN_USE)
    for model in models:
        model["metrics"] = _rows(con, METRICS, [model["model_name"], model["model_version"]])
    return render(
        "index.html.jinja",
        facts=_rows(con, FACTS)[0],
        projects=_rows(con, LIVE_PROJECTS),
        milestones=_rows(con, OPEN_MILESTONES),
        models=models,
    )


def _rows(con: Connection, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
    """The answer to a query of at most a page, as dictionaries."""
    result = con.execute(sql, list(values))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


if __name__ == "__main__":
    sys.exit(main())
