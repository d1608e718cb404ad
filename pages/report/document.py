"""A page as a list of blocks: written once, rendered as HTML and Markdown with the same figures."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from pages.formats import day
from pages.report.claims import Claim
from pages.tables import Column

# Text; what stands in `backticks` is code. A timestamp is shown as its day.
Content = str | Claim | datetime | tuple[str | Claim, ...]
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?")

# intervals and dates stay on one line
_WHOLE = re.compile(r"(\[[-+]?[\d,.]+, [-+]?[\d,.]+\]|\b\d{4}-\d\d-\d\d\b)")


class Text(NamedTuple):
    """A paragraph."""

    content: Content
    is_heading: bool = False


class Table(NamedTuple):
    """A table; the first cell of a row is its heading."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Content]]

    @property
    def heads(self) -> list[Column]:
        """Returns its columns as those of a page."""
        return [Column(str(place), label) for place, label in enumerate(self.columns)]

    @property
    def cells(self) -> list[dict[str, Any]]:
        """Returns its rows as those of a page; columns of figures sort by them."""
        found: list[dict[str, Any]] = [{} for _ in self.rows]
        for place in range(len(self.columns)):
            column = [row[place] for row in self.rows]
            figures = [_figure(cell) for cell in column]
            is_sorted = any(figure is not None for figure in figures) and all(
                figure is not None or plain(cell).startswith("not ")
                for figure, cell in zip(figures, column, strict=True)
            )
            for row, cell, figure in zip(found, column, figures, strict=True):
                row[f"{place}"] = to_html(cell)
                if is_sorted:
                    row[f"{place}_sort"] = "" if figure is None else figure
        return found


class Chart(NamedTuple):
    """A picture and its description."""

    picture: Markup
    content: Content


class Heading(NamedTuple):
    """A heading inside a section."""

    content: str
    is_heading: bool = True


Block = Text | Table | Chart | Heading


class Section(NamedTuple):
    """A part of the page with a name to link to."""

    name: str
    title: str
    blocks: Sequence[Block]


def to_html(content: Content) -> Markup:
    """Returns text as HTML; a claim is one element of class `accuracy`."""
    if isinstance(content, tuple):
        return Markup("").join(to_html(part) for part in content)
    if isinstance(content, datetime):
        content = day(content)
    if isinstance(content, Claim):
        return Markup(
            '<span class="accuracy"><span class="value">{}</span> <small>({})</small></span>'
        ).format(content.figure, content.terms)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(content)))
    return Markup(_WHOLE.sub(r'<span class="whole">\1</span>', text))


def _figure(content: Content) -> float | None:
    """Returns the figure that a cell begins with."""
    if isinstance(content, Claim):
        return content.accuracy
    if isinstance(content, datetime):
        return content.timestamp()
    found = _NUMBER.match(content) if isinstance(content, str) else None
    return float(found[0].replace(",", "")) if found else None


def to_markdown(title: str, sections: Sequence[Section]) -> str:
    """Returns the page as GitHub-flavoured Markdown; a chart is replaced by its description."""
    parts = [f"# {title}"]
    for section in sections:
        parts.append(f"## {section.title}")
        for block in section.blocks:
            match block:
                case Heading(content, _):
                    parts.append(f"### {content}")
                case Text(content, _):
                    parts.append(plain(content))
                case Chart(_, content):
                    parts.append(f"*Chart:* {plain(content)}")
                case Table(caption, columns, rows):
                    parts.append(f"*{plain(caption)}*")
                    parts.append(_rows(columns, rows))
    return "\n\n".join(parts) + "\n"


def _rows(columns: Sequence[str], rows: Sequence[Sequence[Content]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "\n".join(
        f"| {' | '.join(plain(cell).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def plain(content: Content) -> str:
    """Returns text as Markdown has it; a claim comes with all that belongs to it."""
    if isinstance(content, Claim):
        return content.text
    if isinstance(content, datetime):
        return day(content)
    if isinstance(content, tuple):
        return "".join(plain(part) for part in content)
    return content
