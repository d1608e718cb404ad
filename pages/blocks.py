"""Facts and tables of projects and creators: on pages of their own, and in data for the others.

One query answers for all entities at once. What has no page of its own is shown on demand by a
script, from data that lie beside the pages as scripts: browsers load nothing else from a file.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pages.links import id_list
from pages.published import Published
from pages.site import Site
from pages.tables import Column

ENTITIES_PER_FILE = 50  # about 150 kB: loaded and shown within 100 ms
ROWS_PER_FILE = 500
FILES_AT_ONCE = 500  # of entities: bounds the memory of a platform of millions


class Block(NamedTuple):
    """Facts, or a table, that every entity has.

    Attributes:
        name: Id of the block on its page.
        title: Its heading.
        columns: What it shows.
        sql: Answers for all entities: `entity_id`, `position` of the row, and the columns.
        empty: Stands in place of a table without rows.
        about: How to read it.
        ask: The query for every row behind it, but for the id at its end.
        is_list: Whether it has one row, shown as a list of facts.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    sql: str
    empty: str = ""
    about: str = ""
    ask: str = ""
    is_list: bool = False

    @property
    def table(self) -> str:
        """Returns the name of the table that it is kept as."""
        return f"rows_of_{self.name}"

    @property
    def keys(self) -> list[str]:
        """Returns what a row holds, in order: what is shown, then where it leads, then notes."""
        extra = [key for each in self.columns for key in (each.link, each.note) if key]
        return list(dict.fromkeys([*(each.name for each in self.columns), *extra]))

    def described(self) -> dict[str, Any]:
        """Returns what a script needs to show rows that it loads."""
        columns = [column._asdict() for column in self.columns]
        shown = {"name": self.name, "title": self.title, "empty": self.empty}
        return shown | {"columns": columns, "keys": self.keys, "is_list": self.is_list}


@contextmanager
def kept(published: Published, blocks: Sequence[Block]) -> Iterator[None]:
    """Keeps what blocks answer as tables while pages and data are made from them.

    A query that adds up votes or reasons reads all of them, however few entities are asked for.
    """
    for block in blocks:
        published.fetch(f"create or replace temp table {block.table} as {block.sql}")
    yield
    for block in blocks:
        published.fetch(f"drop table {block.table}")


def rows_of(
    published: Published, block: Block, ids: Iterable[int]
) -> Mapping[int, list[dict[str, Any]]]:
    """Returns the rows of a kept block by entity, for those that have a page."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    sql = (
        f"select * from {block.table} where entity_id in ({id_list(ids)})"
        " order by entity_id, position"
    )
    for row in published.rows(sql):
        found[row["entity_id"]].append(row)
    return found


def write_any(
    published: Published, site: Site, folder: str, entity: str, blocks: Sequence[Block]
) -> None:
    """Writes the page that shows any entity, and the data of kept blocks that it is shown from."""
    site.write(
        f"{folder}/any.html",
        "entity.html.jinja",
        title=f"Any {entity}",
        entity=entity,
        entity_id="",
        rows=None,
        blocks=blocks,
        settings={
            "folder": folder,
            "entity": entity,
            "per_file": ENTITIES_PER_FILE,
            "files": _write_entities(published, site, folder, blocks),
            "blocks": [block.described() for block in blocks],
        },
    )


def _write_entities(
    published: Published, site: Site, folder: str, blocks: Sequence[Block]
) -> list[int]:
    """Writes the data of all entities, so many a file.

    Returns:
        The numbers of the files: the ids in them, divided by how many a file holds.
    """
    files = published.fetch(
        f"select entity_id // {ENTITIES_PER_FILE} as number, min(entity_id), max(entity_id)"
        f" from {blocks[0].table} group by number order by number"
    )
    for start in range(0, len(files), FILES_AT_ONCE):
        some = files[start : start + FILES_AT_ONCE]
        found = _entities_between(published, blocks, some[0][1], some[-1][2])
        for number, *_ in some:
            content = "{" + ",\n".join(found.pop(number)) + "}"
            _write(site, f"{folder}/data/{number}.js", content)
    return [number for number, *_ in files]


def _entities_between(
    published: Published, blocks: Sequence[Block], first: int, last: int
) -> dict[int, list[str]]:
    """Returns the blocks of files, from one id to another."""
    files: dict[int, list[str]] = defaultdict(list)
    for block in blocks:
        sql = f"""
            select
                entity_id // {ENTITIES_PER_FILE},
                string_agg('"' || entity_id || '":' || content, ',' order by entity_id)
            from (
                select entity_id, {_json_rows(block)} as content
                from {block.table}
                where entity_id between {first} and {last}
                {"" if block.is_list else "group by entity_id"}
            )
            group by all"""
        for number, content in published.fetch(sql):
            files[number].append(f'"{block.name}":{{{content}}}')
    return files


def write_rows(
    published: Published, site: Site, folder: str, block: Block, first: int, end: int
) -> int:
    """Writes rows of a kept table by their position; a script adds them to those of the page.

    Returns:
        How many files there are.
    """
    sql = f"""
        select (position - {first}) // {ROWS_PER_FILE} as number, {_json_rows(block)}
        from {block.table} where position >= {first} and position < {end}
        group by number order by number"""
    files = published.fetch(sql)
    for number, content in files:
        _write(site, f"{folder}/data/{block.name}-{number}.js", content)
    return len(files)


def _json_rows(block: Block) -> str:
    """Returns the SQL expression of rows as arrays of text, which keep every cent."""
    values = ", ".join(f"{key}::varchar" for key in block.keys)
    row = f"json_array({values})::varchar"
    # to add up the one row of a list would cost as much again
    rows = row if block.is_list else f"string_agg({row}, ',' order by position)"
    return f"'[' || {rows} || ']'"


def _write(site: Site, path: str, content: str) -> None:
    site.write_text(path, f"escrow.chunk({json.dumps(path)},{content})\n")
