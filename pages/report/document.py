"""A page as a list of blocks: written once, rendered as HTML and Markdown with the same figures."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from pages.report.claims import Claim

Content = str | Claim | tuple[str | Claim, ...]  # text; what stands in `backticks` is code

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
    if isinstance(content, Claim):
        return Markup(
            '<span class="accuracy"><span class="value">{}</span> <small>({})</small></span>'
        ).format(content.figure, content.terms)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(content)))
    return Markup(_WHOLE.sub(r'<span class="whole">\1</span>', text))


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
    if isinstance(content, tuple):
        return "".join(plain(part) for part in content)
    return content
