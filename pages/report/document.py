"""A page as a list of blocks: written once, told in HTML and in Markdown with the same figures."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from pages.report.claims import Claim

Words = str | Claim | tuple[str | Claim, ...]  # text; what stands in `backticks` is code

# intervals and dates stay on one line
_WHOLE = re.compile(r"(\[[-+]?[\d,.]+, [-+]?[\d,.]+\]|\b\d{4}-\d\d-\d\d\b)")


class Text(NamedTuple):
    """A paragraph."""

    words: Words
    is_heading: bool = False


class Table(NamedTuple):
    """A table; the first cell of a row is its heading."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Words]]


class Chart(NamedTuple):
    """A picture, and in words what it shows."""

    picture: Markup
    words: Words


class Heading(NamedTuple):
    """A heading inside a section."""

    words: str
    is_heading: bool = True


Block = Text | Table | Chart | Heading


class Section(NamedTuple):
    """A part of the page with a name to link to."""

    name: str
    title: str
    blocks: Sequence[Block]


def to_html(words: Words) -> Markup:
    """Returns text as HTML; a claim is one element of class `accuracy`."""
    if isinstance(words, tuple):
        return Markup("").join(to_html(part) for part in words)
    if isinstance(words, Claim):
        return Markup(
            '<span class="accuracy"><span class="value">{}</span> <small>({})</small></span>'
        ).format(words.figure, words.terms)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(words)))
    return Markup(_WHOLE.sub(r'<span class="whole">\1</span>', text))


def to_markdown(title: str, sections: Sequence[Section]) -> str:
    """Returns the page as GitHub-flavoured Markdown; a chart is told by its words."""
    parts = [f"# {title}"]
    for section in sections:
        parts.append(f"## {section.title}")
        for block in section.blocks:
            match block:
                case Heading(words, _):
                    parts.append(f"### {words}")
                case Text(words, _):
                    parts.append(plain(words))
                case Chart(_, words):
                    parts.append(f"*Chart:* {plain(words)}")
                case Table(caption, columns, rows):
                    parts.append(f"*{plain(caption)}*")
                    parts.append(_rows(columns, rows))
    return "\n\n".join(parts) + "\n"


def _rows(columns: Sequence[str], rows: Sequence[Sequence[Words]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "\n".join(
        f"| {' | '.join(plain(cell).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def plain(words: Words) -> str:
    """Returns text as Markdown has it; a claim comes with all that belongs to it."""
    if isinstance(words, Claim):
        return words.words
    if isinstance(words, tuple):
        return "".join(plain(part) for part in words)
    return words
