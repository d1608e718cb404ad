"""Renders a page from the templates of this package: one look, nothing loaded from a network."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pages import formats
from pages.tables import facts, table

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


def render(template: str, **values: Any) -> str:
    """Returns the page that a template makes of values; text is escaped, a missing value raises.

    Without a `frame` the page stands alone: its style is inside, and it links to no other.
    """
    if not values.get("frame"):
        stylesheet = (STATIC / "site.css").read_text(encoding="utf-8")
        values = {**values, "frame": None, "root": "", "stylesheet": Markup(stylesheet)}
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Returns what compiles each template once."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "timestamp": formats.timestamp,
        "day": formats.day,
        "money": formats.money,
        "counted": formats.counted,
        "skill": formats.skill,
        "label": formats.label,
        "tone": formats.tone,
    }
    environment.globals |= {"table": table, "facts": facts}
    return environment
