"""Projects with their main facts on plain pages: for readers without scripts, and for paper."""

from collections.abc import Sequence
from typing import Any

from pages.blocks import Block
from pages.site import Site

ROWS_PER_PAGE = 400  # about 200 kB


def write_list(site: Site, block: Block, rows: Sequence[dict[str, Any]]) -> int:
    """Writes the rows of a table, so many a page.

    Returns:
        How many pages there are.
    """
    starts = range(0, max(len(rows), 1), ROWS_PER_PAGE)
    for number, start in enumerate(starts, 1):
        site.write(
            f"projects/list-{number}.html",
            "plain_list.html.jinja",
            number=number,
            page_count=len(starts),
            row_count=len(rows),
            first=start + 1,
            block=block,
            rows=rows[start : start + ROWS_PER_PAGE],
        )
    return len(starts)
