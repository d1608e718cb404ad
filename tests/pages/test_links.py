"""Which projects have a page of their own: each kind has its share where they are too many."""

from pathlib import Path

import duckdb
import pytest

from pages import links
from pages.published import open_published

# Projects 1 to 6 are live, 7 and 8 have an open milestone, 9 to 12 ended lately, 13 long ago.
PLATFORM = """
    create schema core; create schema insights;
    create table core.warehouse_as_of as select timestamp '2024-01-01' as as_of;
    create table core.dim_projects as
        select i as project_id, i as creator_id,
            case when i <= 6 then 'live' else 'successful' end as project_status,
            as_of - interval 1 day * (case when i in (7, 8, 13) then 300 + i else i end)
                as launched_at,
            launched_at + interval 7 day as deadline_at
        from range(1, 14) as made (i), core.warehouse_as_of;
    create table insights.milestone_outlook as from (values (1), (7), (8), (8)) as t (project_id);
"""


@pytest.mark.parametrize(
    ("max_pages", "expected"),
    [
        (20, range(1, 13)),
        (6, [1, 2, 7, 8, 9, 10]),  # two of each kind
        (9, [1, 2, 3, 4, 7, 8, 9, 10, 11]),  # one is left over by those with an open milestone
    ],
)
def test_each_kind_of_project_has_its_share_of_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_pages: int, expected: list[int]
) -> None:
    monkeypatch.setattr(links, "MAX_PAGES", max_pages)
    with duckdb.connect(tmp_path / "escrow.duckdb") as con:
        con.execute(PLATFORM)
    with open_published(tmp_path / "escrow.duckdb") as published:
        assert sorted(links.read(published).projects) == list(expected)
