"""Tables of pages: readable as they are; with scripts they sort, filter, search and download."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from pages.formats import day, money, percent, timestamp, title

Row = Mapping[str, Any]
_NUMBERS = ("money", "count", "percent", "bar", "number")
_TEXTS = ("text", "title")
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
    body = Markup("\n".join(_row(columns, row, root) for row in rows))
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


# Cells are many, and Markup is slow: a row is put together as text, of parts that are escaped.
def _class(column: Column) -> str:
    if column.kind in _NUMBERS:
        return ' class="number"'
    return f' class="{column.kind}"' if column.kind in ("day", "timestamp") else ""


def _row(columns: Sequence[Column], row: Row, root: str) -> str:
    cells = (_cell(column, row, root, place == 0) for place, column in enumerate(columns))
    return f"<tr>{''.join(cells)}</tr>"


@pass_context
def facts(context: Context, columns: Sequence[Column], row: Row) -> Markup:
    """Returns what is known of one row as a list, for templates."""
    known = [column for column in columns if row[column.name] is not None]
    shown = Markup("\n").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(
            each.label, Markup(_shown(each, row, context["root"]))
        )
        for each in known
    )
    return Markup('<dl class="cards">\n{}\n</dl>').format(shown)


def _cell(column: Column, row: Row, root: str, is_heading: bool) -> str:
    start, end = ('<th scope="row"', "</th>") if is_heading else ("<td", "</td>")
    return f"{start}{_class(column)}{_order(column, row)}>{_shown(column, row, root)}{end}"


def _shown(column: Column, row: Row, root: str) -> str:
    value = row[column.name]
    if column.kind == "title" and isinstance(value, str) and not isinstance(value, Markup):
        value = title(value, row[column.link] if column.link else None)
    shown = _NONE if value is None else value_shown(column.kind, value, column.digits)
    if column.link and row[column.link]:
        shown = f'<a href="{escape(root + row[column.link])}">{shown}</a>'
    if column.note and row[column.note] is not None:
        shown = f'{shown} <span class="name">{escape(row[column.note])}</span>'
    return shown


def value_shown(kind: str, value: Any, digits: int = 1) -> str:
    """Returns a value as a cell of its kind shows it; numbers and times need no escape."""
    if isinstance(value, Markup):
        return value
    match kind:
        case "money":
            return money(value)
        case "count":
            return f"{value:,}"
        case "percent":
            return percent(value, digits)
        case "bar":
            width = f"{100 * min(value, 1):.0f}"
            bar = f'<span class="bar"><span style="width:{width}%"></span></span>'
            return f"{bar} {percent(value, digits)}"
        case "title":
            return f"<bdi>{escape(value)}</bdi>"
        case "number":
            return f"{value:,.{digits}f}"
        case "day":
            return day(value)
        case "timestamp":
            return timestamp(value)
        case _:
            return escape(value)


def _order(column: Column, row: Row) -> str:
    """Returns the attribute by which a cell sorts and downloads, where its text would not do."""
    if (key := f"{column.name}_sort") in row:
        return f' data-sort="{"" if row[key] is None else escape(row[key])}"'
    value = row.get(f"{column.name}_order", row[column.name])
    if value is None:
        return ' data-order=""'
    if isinstance(value, Markup) or (column.kind in _TEXTS and not column.note):
        return ""
    if isinstance(value, date):
        return f' data-order="{value.isoformat()}"'
    is_number = isinstance(value, int | float | Decimal)
    return f' data-order="{value if is_number else escape(value)}"'
