"""Tables of pages: readable as they are; with scripts they sort, filter, search and download."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from pages.formats import day, money, percent, timestamp, title

Row = Mapping[str, Any]
_NUMBERS = ("money", "count", "percent", "bar", "number")
_TEXTS = ("text", "title")
_Number = int | float | Decimal
_NONE = '<span title="not known">&ndash;</span>'


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Key of the rows.
        label: Heading.
        kind: `text`, `title` (text that people wrote, in any script), `money`, `count`, `percent`
            (of 1), `bar` (the same with a bar), `number`, `day` or `timestamp`: how a value is
            shown, and that it sorts and downloads as the value itself. Markup is shown as it is,
            whatever the kind; it sorts and downloads as the row's `<name>_order`, or sorts as
            `<name>_sort` and downloads as its text, if the row has one of them.
        link: Key of the rows that holds where the value leads, from the folder of the site.
        note: Key of the rows that holds a second, smaller line.
        filter: Whether people can choose among its values.
        digits: After the decimal point, of `percent`, `bar` and `number`.
    """

    name: str
    label: str
    kind: str = "text"
    link: str = ""
    note: str = ""
    filter: bool = False
    digits: int = 1


def badge(tone: str, text: str) -> Markup:
    """Returns a short text that stands out by its tone: `passed`, `warning`, `error` or none."""
    return Markup('<span class="badge {}">{}</span>').format(tone, text)


@pass_context
def table(
    context: Context,
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    empty: str = "Nothing to show.",
) -> Markup:
    """Returns a table, for templates.

    Args:
        context: Of the template; its `root` leads to the folder of the site.
        name: Id of the table; unique on the page, and in the address of a filtered page.
        caption: What the rows are, text or Markup; "" if the text above says it.
        columns: In order; the first one is the heading of its row.
        rows: In the order of the page.
        empty: Stands in place of a table without rows.
    """
    root = context["root"]
    body = Markup("\n".join(_rows(columns, list(rows), root)))
    if not body:
        return Markup("<p>{}</p>").format(empty)
    heads = Markup("").join(
        Markup('<th scope="col"{}{}>{}</th>').format(
            Markup(_class(column)),
            Markup(" data-filter") if column.filter else "",
            column.label,
        )
        for column in columns
    )
    titled = Markup("<caption>{}</caption>").format(caption) if caption else ""
    return Markup(
        '<div class="table"><div class="scroll" role="region" aria-label="{}" tabindex="0">\n'
        '<table class="data" id="{}">{}\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>\n'
        "</table></div></div>"
    ).format(_plain(caption) or name.replace("-", " "), name, titled, heads, body)


def _plain(caption: str) -> str:
    return caption.striptags() if isinstance(caption, Markup) else caption


def _class(column: Column) -> str:
    if column.kind in _NUMBERS:
        return ' class="number"'
    return f' class="{column.kind}"' if column.kind in ("day", "timestamp") else ""


def _rows(columns: Sequence[Column], rows: Sequence[Row], root: str) -> Iterator[str]:
    cells = [_cells(column, rows, root, place == 0) for place, column in enumerate(columns)]
    return (f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))


# Cells are many, and Markup is slow: a column is put together as text, of parts that are escaped.
def _cells(column: Column, rows: Sequence[Row], root: str, is_heading: bool) -> list[str]:
    start, end = ('<th scope="row"', "</th>") if is_heading else ("<td", "</td>")
    start += _class(column)
    parts = zip(_orders(column, rows), _shown(column, rows, root), strict=True)
    return [f"{start}{order}>{shown}{end}" for order, shown in parts]


@pass_context
def facts(context: Context, columns: Sequence[Column], row: Row) -> Markup:
    """Returns what is known of one row as a list, for templates."""
    known = [column for column in columns if row[column.name] is not None]
    shown = Markup("\n").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(
            each.label, Markup(_shown(each, [row], context["root"])[0])
        )
        for each in known
    )
    return Markup('<dl class="cards">\n{}\n</dl>').format(shown)


def _shown(column: Column, rows: Sequence[Row], root: str) -> list[str]:
    name, link, note = column.name, column.link, column.note
    values = [row[name] for row in rows]
    if column.kind == "title":
        paths = [row[link] for row in rows] if link else [None] * len(rows)
        values = [
            title(value, path) if type(value) is str else value
            for value, path in zip(values, paths, strict=True)
        ]
    form, digits = _FORMS[column.kind], column.digits
    shown = [
        _NONE if value is None else value if isinstance(value, Markup) else form(value, digits)
        for value in values
    ]
    if link:
        shown = [
            f'<a href="{escape(root + row[link])!s}">{text}</a>' if row[link] else text
            for text, row in zip(shown, rows, strict=True)
        ]
    if note:
        shown = [
            text if row[note] is None else f'{text} <span class="name">{escape(row[note])}</span>'
            for text, row in zip(shown, rows, strict=True)
        ]
    return shown


def _bar(value: Any, digits: int) -> str:
    width = f"{100 * min(value, 1):.0f}"
    bar = f'<span class="bar"><span style="width:{width}%"></span></span>'
    return f"{bar} {percent(value, digits)}"


@lru_cache(maxsize=512)  # the same few states and categories stand in most rows
def _escaped(text: str) -> str:
    return str(escape(text))


# How a cell of each kind shows a value; numbers and times need no escape.
_FORMS: dict[str, Callable[[Any, int], str]] = {
    "text": lambda value, _: _escaped(str(value)),
    "title": lambda value, _: f"<bdi>{_escaped(str(value))}</bdi>",
    "money": lambda value, _: money(value),
    "count": lambda value, _: f"{value:,}",
    "percent": percent,
    "bar": _bar,
    "number": lambda value, digits: f"{value:,.{digits}f}",
    "day": lambda value, _: day(value),
    "timestamp": lambda value, _: timestamp(value),
}


def _orders(column: Column, rows: Sequence[Row]) -> list[str]:
    """Returns the attributes by which cells sort and download, where their text would not do."""
    name, sort, order = column.name, f"{column.name}_sort", f"{column.name}_order"
    is_text = column.kind in _TEXTS and not column.note
    return [
        f' data-sort="{"" if row[sort] is None else escape(row[sort])}"'
        if sort in row
        else _order(row.get(order, row[name]), is_text)
        for row in rows
    ]


def _order(value: Any, is_text: bool) -> str:
    if value is None:
        return ' data-order=""'
    if is_text or isinstance(value, Markup):
        return ""
    if isinstance(value, _Number):
        return f' data-order="{value!s}"'
    return f' data-order="{value.isoformat() if isinstance(value, date) else escape(value)}"'
