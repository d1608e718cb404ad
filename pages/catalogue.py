"""The catalogue: questions with their answers, every published table, and who uses which."""

import json
import re
from pathlib import Path
from typing import Any

from pages.published import PagesError, Published
from pages.registry import DBT_DOCS, LINEAGE
from pages.site import Site
from pages.tables import Column

Json = dict[str, Any]
MAX_ROWS = 20  # of an answer
_SCHEMAS = ("core", "features", "insights", "ml", "quality")
_TABLES = """
    with volumes as (
        select table_name, row_count from quality.table_volumes
        where run_id = (select max_by(run_id, published_at) from quality.runs)
    ),
    columns_counted as (
        select
            table_schema || '.' || table_name as table_name,
            table_schema as schema_name,
            count(*) as column_count
        from information_schema.columns
        where table_schema in (select unnest($schemas))
        group by all
    )
    select columns_counted.*, volumes.row_count
    from columns_counted
    left join volumes using (table_name)
    order by list_position($schemas, schema_name), table_name"""
_REF = re.compile(r"\{\{\s*ref\('(\w+)'\)\s*\}\}")
_BACK = (
    '<a href="../catalogue/index.html" style="position:fixed;right:12px;bottom:12px;z-index:9999;'
    "padding:6px 12px;border-radius:16px;background:#fff;color:#1a4f9e;border:1px solid #1a4f9e;"
    'font:14px system-ui,sans-serif">Back to the catalogue</a>'
)
TABLE_COLUMNS = (
    Column("table_name", "Table", link="docs"),
    Column("schema_name", "Schema", filter=True),
    Column("description", "What a row is"),
    Column("row_count", "Rows", "count"),
    Column("column_count", "Columns", "count"),
)
EXPOSURE_COLUMNS = (
    Column("title", "Used by", link="url"),
    Column("type", "Kind", filter=True),
    Column("description", "What for"),
    Column("tables", "Reads"),
    Column("owner", "Owner", note="email"),
)


def write(published: Published, site: Site) -> None:
    """Writes the page, and puts dbt's docs and the column lineage into the site.

    Raises:
        PagesError: What dbt leaves is not there.
    """
    docs = check_docs(published)
    manifest = json.loads(docs.with_name("manifest.json").read_text(encoding="utf-8"))
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    described = {f"{node['schema']}.{node['name']}": node for node in nodes}
    schemas = {node["name"]: node["schema"] for node in nodes if not _is_analysis(node)}
    lineage = site.root / LINEAGE.path
    has_lineage = lineage.is_file()
    site.write(
        "catalogue/index.html",
        "catalogue.html.jinja",
        questions=[_question(published, each, schemas) for each in _analyses(nodes)],
        tables=[_table(row, described) for row in published.rows(_TABLES, schemas=_SCHEMAS)],
        table_columns=TABLE_COLUMNS,
        exposures=[_exposure(each, manifest) for each in manifest["exposures"].values()],
        exposure_columns=EXPOSURE_COLUMNS,
        max_rows=MAX_ROWS,
        has_lineage=has_lineage,
    )
    site.write_text(DBT_DOCS.path, _with_a_way_back(docs))
    if has_lineage:
        site.write_text(LINEAGE.path, _with_a_way_back(lineage))


def check_docs(published: Published) -> Path:
    """Returns dbt's static page.

    Raises:
        PagesError: The page, or the manifest beside it, is not there.
    """
    docs = published.dbt_docs
    if docs is None:
        raise PagesError("the page of the dbt docs is missing: make run")
    for file in (docs, docs.with_name("manifest.json")):
        if not file.is_file():
            raise PagesError(f"{file} is missing: make run")
    return docs


def _is_analysis(node: Json) -> bool:
    return bool(node["resource_type"] == "analysis")


def _analyses(nodes: list[Json]) -> list[Json]:
    return sorted(filter(_is_analysis, nodes), key=lambda node: str(node["name"]))


def _question(published: Published, analysis: Json, schemas: dict[str, str]) -> Json:
    """Returns a question, its SQL, and the first rows of the answer."""
    sql = _REF.sub(lambda found: f"{schemas[found[1]]}.{found[1]}", analysis["raw_code"])
    shown, types = published.answer(sql, MAX_ROWS)
    columns = [Column(name, name.replace("_", " "), _kind(name, types[name])) for name in types]
    return {
        "name": analysis["name"],
        "question": analysis["description"],
        "sql": sql.partition("\n")[2].strip(),  # its first line is the question
        "columns": columns,
        "rows": shown,
    }


def _kind(name: str, type_name: str) -> str:
    """Returns the kind of a column, from its name and type."""
    if name.endswith("_amount"):
        return "money"
    if name.endswith(("_ratio", "_probability", "_rate")):
        return "percent"
    if name.endswith("_at"):
        return "timestamp"
    if type_name.startswith(("BIGINT", "INTEGER", "HUGEINT")) and not name.endswith("_id"):
        return "count"
    if type_name.startswith("DECIMAL"):
        return "money"
    return "number" if type_name == "DOUBLE" else "day" if type_name == "DATE" else "text"


def _table(row: Json, described: dict[str, Json]) -> Json:
    node = described.get(row["table_name"])
    docs = None
    if node:
        docs = f"{DBT_DOCS.path}#!/{node['resource_type']}/{node['unique_id']}"
    return {**row, "description": node["description"] if node else None, "docs": docs}


def _exposure(exposure: Json, manifest: Json) -> Json:
    names = [manifest["nodes"].get(each, {}).get("name", each) for each in
             exposure["depends_on"]["nodes"]]  # fmt: skip
    url = exposure["url"]
    return {
        "title": exposure["label"] or exposure["name"].replace("_", " "),
        "type": exposure["type"],
        "description": exposure["description"],
        "tables": ", ".join(sorted(name.rpartition(".")[2] for name in names)),
        "owner": exposure["owner"]["name"],
        "email": exposure["owner"]["email"],
        "url": url.removeprefix("../") if url else None,
    }


def _with_a_way_back(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    if _BACK in text:
        return text
    head, end, rest = text.rpartition("</body>")
    return head + _BACK + end + rest if end else text + _BACK
