"""The creators: their records, and their projects."""

from pages.blocks import Block, kept, rows_of, write_any
from pages.formats import title
from pages.links import Links
from pages.project_blocks import RECORD, RECORD_COLUMNS
from pages.published import Published
from pages.site import Site
from pages.tables import Column

_PROJECTS = """
    select
        creator_id as entity_id,
        row_number() over (
            partition by creator_id order by launched_at desc, project_id desc
        ) as position,
        title, {path} as path, project_status, category, launched_at,
        coalesce(cancelled_at, deadline_at) as ended_at, funding_goal,
        balances.pledged_amount, dim_projects.pledged_amount / funding_goal as funded_ratio,
        held_amount, released_amount, refunded_amount
    from core.dim_projects
    inner join core.escrow_balances as balances using (project_id)"""
_PROJECT_COLUMNS = (
    Column("title", "Project", "title", link="path"),
    Column("project_status", "State", filter=True),
    Column("category", "Category", "title"),
    Column("launched_at", "Launched", "day"),
    Column("ended_at", "Ends or ended", "day"),
    Column("funding_goal", "Goal", "money"),
    Column("pledged_amount", "Pledged", "money"),
    Column("funded_ratio", "Funded", "percent"),
    Column("held_amount", "Held", "money"),
    Column("released_amount", "Released", "money"),
    Column("refunded_amount", "Refunded", "money"),
)
_FACT_COLUMNS = (
    Column("display_name", "Creator", "title"),
    Column("country", "Country", "title"),
    Column("joined_at", "Joined", "day"),
    *RECORD_COLUMNS,
    Column("creator_id", "Creator id"),
)
_LIST_COLUMNS = (Column("display_name", "Creator", "title", link="path"), *RECORD_COLUMNS)


def write(published: Published, site: Site) -> None:
    """Writes a page of each creator of a project with a page, and the data of the others."""
    blocks = _blocks(site.links)
    with kept(published, blocks):
        rows = {block.name: rows_of(published, block, site.links.creators) for block in blocks}
        write_any(published, site, "creators", "creator", blocks)
    listed = [
        facts | {"path": site.links.creator(creator_id)}
        for creator_id, [facts] in rows["facts"].items()
    ]
    site.write(
        "creators/index.html",
        "creators.html.jinja",
        rows=sorted(listed, key=lambda row: row["held_amount"], reverse=True),
        columns=_LIST_COLUMNS,
        creator_count=published.fetch("select count(*) from core.dim_creators")[0][0],
    )
    for creator_id in site.links.creators:
        of_one = {name: found.get(creator_id, []) for name, found in rows.items()}
        site.write(
            f"creators/{creator_id}.html",
            "entity.html.jinja",
            title=title(of_one["facts"][0]["display_name"], str(creator_id)),
            entity="creator",
            entity_id=creator_id,
            blocks=blocks,
            rows=of_one,
        )
    site.remove_stale("creators")


def _blocks(links: Links) -> tuple[Block, ...]:
    record = f"select creator_id as entity_id, 0 as position, record.* from ({RECORD}) as record"
    return (
        Block("facts", "Record", _FACT_COLUMNS, record, is_list=True),
        Block(
            "projects",
            "Projects",
            _PROJECT_COLUMNS,
            _PROJECTS.format(path=links.project_sql("project_id")),
            "This creator has launched nothing.",
        ),
    )
