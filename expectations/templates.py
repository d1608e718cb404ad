"""Renders the pages from templates: one look, and nothing loaded from a network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
_FOLDERS = (_HERE, _HERE.parent / "templates")  # of this package; of all pages


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
