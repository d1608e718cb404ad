"""Projects with their main facts on plain pages: for readers without scripts, and for paper."""

from pages.blocks import Block
from pages.published import Published
from pages.site import Site

ROWS_PER_PAGE = 400  # about 200 kB


def write_list(published: Published, site: Site, block: Block) -> int:
    """Writes the rows of a table, so many a page.

    Returns:
        How many pages there are.
    """
    rows = published.rows(f"select * from ({block.sql}) order by position")
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
