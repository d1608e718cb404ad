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
    middle, half = (
        getattr(macros, f"wilson_{part}")("share", "row_count") for part in ("middle", "half_width")
    )
    [found] = duckdb.sql(
        f"select {middle} - {half}, {middle} + {half}"
        f" from (select {hits} / {count} as share, {count} as row_count)"
    ).fetchall()
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)
