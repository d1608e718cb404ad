"""The macro of the interval of a share is Wilson's (1927)."""

from pathlib import Path

import duckdb
import pytest
from jinja2 import Environment, FileSystemLoader
from scipy.stats import binomtest

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros"


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (30, 40), (17, 17), (123, 1_000)])
def test_the_interval_of_a_share_is_wilsons(hits: int, count: int) -> None:
    macros = Environment(loader=FileSystemLoader(MACROS)).get_template("intervals.sql").module
    low, high = (getattr(macros, f"wilson_{end}")("share", "row_count") for end in ("low", "high"))
    [found] = duckdb.sql(
        f"select {low}, {high} from (select {hits} / {count} as share, {count} as row_count)"
    ).fetchall()
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)
