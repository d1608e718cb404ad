"""Renders a page from the templates of this package: one look, nothing loaded from a network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
_FOLDERS = (_HERE, _HERE / "report")


def render(template: str, **values: Any) -> str:
    """Returns the page that a template makes of values; text is escaped, a missing value raises."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def write_text(page: Path, text: str) -> None:
    """Puts the page in place at once: nobody ever reads half of it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    aside = page.with_name(page.name + ".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(page)
