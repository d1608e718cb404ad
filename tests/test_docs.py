"""README and docs name what is there: links, make goals and variables, tables, paths."""

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from expectations.landing.contract import TABLES
from pages import registry
from pipeline import errors
from pipeline.__main__ import OTHERS, UNTIL
from pipeline.settings import DEFAULTS

ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = ROOT / "dbt_project"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
MAX_WORDS = 1_500
MAX_PICTURE_BYTES = 150_000
SCHEMAS = ("raw", "staging", "intermediate", "core", "features", "ml", "insights", "quality")
FOLDERS = ("generator", "dbt_project", "expectations", "ml", "pipeline", "pages", "tests", "docs")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_of(page: Path) -> list[str]:
    """Code spans and lines of code blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))
    return [*spans, *(line for block in blocks for line in block.splitlines())]


def headings(page: Path) -> set[str]:
    """Anchors of a page, as code hosts make them from its headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def tables() -> set[str]:
    """Every table that dbt builds or reads, as schema.table."""
    folders = {"platform": "staging"}
    found = {f"raw.{name}" for name in ("landing", *(table.name for table in TABLES))}
    for path in (DBT_PROJECT / "models").rglob("*.sql"):
        parts = path.relative_to(DBT_PROJECT / "models").parts
        schema = parts[1] if parts[0] == "marts" else parts[0]
        found.add(f"{folders.get(schema, schema)}.{path.stem}")
    for path in (DBT_PROJECT / "models").rglob("*.yml"):
        for source in yaml.safe_load(path.read_text()).get("sources", []):
            found |= {f"{source['name']}.{table['name']}" for table in source["tables"]}
    return found


def make_goals() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make_variables() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    lists = re.findall(r"^(?:[A-Z]+_)?VARIABLES := (.+)$", makefile, re.MULTILINE)
    return {name for each in lists for name in each.split() if name.isupper()}


@every_page
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@every_page
def test_goals_and_variables_of_make_exist(page: Path) -> None:
    goals, variables = make_goals(), make_variables()
    for code in code_of(page):
        command = re.match(r"(?:\$ )?make ([a-z-]+)(.*)", code)
        if command:
            assert command[1] in goals, code
            arguments = re.sub(r"'[^']*'|\"[^\"]*\"", "", command[2])
            assert set(re.findall(r"\b([A-Z_]+)=", arguments)) <= variables, code


@every_page
def test_tables_exist(page: Path) -> None:
    named = {
        match
        for code in code_of(page)
        for match in re.findall(rf"\b(?:{'|'.join(SCHEMAS)})\.[a-z]\w*[a-z]\b(?!…)", code)
        # `ml.serving` is a module
        if not (ROOT / match.replace(".", "/")).exists()
    }
    files = {f"{schema}.{ending}" for schema in SCHEMAS for ending in ("yml", "sql", "py")}
    assert named - files <= tables()


@every_page
def test_paths_in_code_spans_exist(page: Path) -> None:
    for code in code_of(page):
        for path in re.findall(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*", code):
            is_pattern = "<" in code or "*" in code
            assert is_pattern or (ROOT / path).exists(), code


def test_readme_is_short() -> None:
    words = len((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert words <= MAX_WORDS, f"{words} words: move something to docs/"


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(each.stat().st_size < MAX_PICTURE_BYTES for each in pictures)


def test_every_page_of_docs_is_linked() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    }
    pages = {each for each in (ROOT / "docs").rglob("*") if each.is_file()}
    assert pages - linked == set()


def test_lines_of_decisions_are_at_most_120_characters() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        lines = page.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if len(line) > 120] == [], page.name


@every_page
def test_goals_and_variables_of_the_pipeline_exist(page: Path) -> None:
    goals = {*UNTIL, *OTHERS}
    for code in code_of(page):
        for words in re.findall(r"-m pipeline ([^>`]*)", code):
            assert {each for each in words.split() if each.isalpha() and each.islower()} <= goals
            assert set(re.findall(r"\b([A-Z_]+)=", words)) <= DEFAULTS.keys(), code


def test_operations_lists_every_variable_and_exit_code() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in DEFAULTS if f"`{name}`" not in text] == []
    codes = {value for value in vars(errors).values() if isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == codes


def test_the_figures_of_the_site_are_of_every_page() -> None:
    """A page that is new or renamed says that they are older than the site."""
    text = (ROOT / "docs" / "site.md").read_text(encoding="utf-8")
    measured = re.findall(r"^\| (.+?) \| \d", text, re.MULTILINE)
    assert measured == [*(page.title for page in registry.PAGES), "Project (the largest)"]
