"""Renders a page from the templates of this package: one look, nothing loaded from a network."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
_FOLDERS = (_HERE, _HERE / "report")
_PLAIN_KINDS = {
    "launch": "at launch",
    "start": "at the start of the milestone (start)",
    "due": "on the due date (due)",
    "current": "now (current)",
    "all": "all prediction times",
    "matured": "outcomes known (matured)",
}

_SKILL = {
    "proven": "beats base rate and one-feature rule",
    "not_proven": "no proven skill",
    "not_tested": "skill not tested",
    None: "no model",
}


def render(template: str, **values: Any) -> str:
    """Returns the page that a template makes of values; text is escaped, a missing value raises."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Returns what compiles each template once."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "timestamp": timestamp,
        "day": day,
        "money": money,
        "prediction_time": prediction_time,
        "skill": skill,
    }
    return environment


def timestamp(value: datetime) -> str:
    """Returns a timestamp to the minute, as pages show it."""
    return f"{value:%d %b %Y, %H:%M} UTC".lstrip("0")


def day(value: date) -> str:
    """Returns a date as pages show it."""
    return f"{value:%d %b %Y}".lstrip("0")


def money(value: Decimal | float | None) -> str:
    """Returns an amount with two decimals, as pages show it."""
    return "not known" if value is None else f"{value:,.2f}"


def prediction_time(kind: str) -> str:
    """Returns the kind of a snapshot in plain words, with its name in the tables.

    >>> prediction_time("d3"), prediction_time("vote_1d"), prediction_time("launch")
    ('3 days after launch (d3)', '1 day after submission (vote_1d)', 'at launch')
    """
    if kind in _PLAIN_KINDS:
        return _PLAIN_KINDS[kind]
    found = re.fullmatch(r"(vote_)?([hd])?(\d+)d?", kind)
    if not found:
        return kind
    unit = "hour" if found[2] == "h" else "day"
    event = "submission" if found[1] else "launch"
    return f"{found[3]} {unit}{'' if found[3] == '1' else 's'} after {event} ({kind})"


def skill(state: str | None) -> str:
    """Returns a model's skill state in plain words."""
    return _SKILL[state]


def write_text(page: Path, text: str) -> None:
    """Puts the page in place at once: nobody ever reads half of it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    aside = page.with_name(page.name + ".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(page)
