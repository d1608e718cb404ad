"""Projects with their main facts on plain pages: for readers without scripts, and for paper."""

from pages.blocks import Block
from pages.published import Published
from pages.site import Site

ROWS_PER_PAGE = 400  # about 200 kB


def write_list(published: Published, site: Site, block: Block, row_count: int) -> int:
    """Writes the rows of a kept table, so many a page.

    Returns:
        How many pages there are.
    """
    starts = range(0, max(row_count, 1), ROWS_PER_PAGE)
    parts = published.parts(f"select * from {block.table} order by position", ROWS_PER_PAGE)
    for number, start in enumerate(starts, 1):
        site.write(
            f"projects/list-{number}.html",
            "plain_list.html.jinja",
            number=number,
            page_count=len(starts),
            linked=_linked(number, len(starts)),
            row_count=row_count,
            first=start + 1,
            block=block,
            rows=next(parts, []),
        )
    return len(starts)


def _linked(number: int, page_count: int) -> list[int]:
    """The pages that a page links: first, last, two on each side, and those 10, 100, ... away.

    With links to all others, the pages would grow with the square of the projects.
    """
    near = {1, number, page_count}
    for step in (1, 2, *(10**power for power in range(1, len(str(page_count))))):
        near |= {number - step, number + step}
    return sorted(page for page in near if 1 <= page <= page_count)
