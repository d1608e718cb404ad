"""Reads one CSV file into text columns, and accounts for every line of it."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from expectations.warehouse import Connection, DatabaseError, literal, scalar

CHUNK_BYTES = 1 << 23
# a record longer than this is taken for one whose quote is never closed
MAX_LINE_BYTES = 2_000_000


class UnreadableFileError(Exception):
    """A file that cannot be read as a table; no single row is to blame.

    Attributes:
        problems: The rules broken, each with what is wrong and what to do about it.
    """

    def __init__(self, *problems: tuple[str, str]) -> None:
        """Takes pairs of rule and reason."""
        super().__init__("; ".join(reason for _, reason in problems))
        self.problems = problems


def read_header(path: Path) -> tuple[str, ...]:
    """The column names in a CSV file's first record.

    Raises:
        UnreadableFileError: It has none, is not UTF-8, or is separated by something else.
    """
    # bytes that are not UTF-8 are let through here: below the header they concern single rows
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        try:
            header = next(csv.reader(file, strict=True), [])
        except csv.Error as error:
            raise UnreadableFileError(
                ("unreadable_file", f"the header cannot be read: {error}")
            ) from error
    if any(re.search("[\ud800-\udfff]", name) for name in header):
        raise UnreadableFileError(
            ("wrong_encoding", "the header is not UTF-8: save the file as UTF-8")
        )
    if not header:
        raise UnreadableFileError(("no_header", "the file has no header row"))
    if len(header) == 1 and (found := re.search(r"[;\t|]", header[0])):
        raise UnreadableFileError(
            ("wrong_delimiter", f"columns are separated by {found[0]!r}: save the file with commas")
        )
    return tuple(header)


def csv_relation(path: Path, header: tuple[str, ...], *, rejects: str = "") -> str:
    """The SQL that reads a CSV file as text, in file order; empty values are NULL.

    Not in parallel: DuckDB 2.0 then takes a line break inside quotes for the end of a record
    where two scans meet, without an error.

    Args:
        path: Of the file.
        header: Its columns.
        rejects: Name of a temporary table for the lines that cannot be read; without it they
            are left out.
    """
    columns = ", ".join(f"{literal(name)}: 'varchar'" for name in header)
    kept = (
        f"store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scan'"
        if rejects
        else "ignore_errors = true"
    )
    return (
        f"read_csv({literal(path)}, columns = {{{columns}}}, header = true, auto_detect = false,"
        f" delim = ',', quote = '\"', escape = '\"', strict_mode = true, parallel = false,"
        f" max_line_size = {MAX_LINE_BYTES}, {kept})"
    )


def explain(path: Path, error: DatabaseError) -> UnreadableFileError:
    """The message about a CSV file that DuckDB could not read."""
    if "state machine" in str(error):
        crlf, lf = (sum(counts) for counts in zip(*_line_ends(path), strict=True))
        reason = f"{crlf:,} lines end in CRLF, {lf:,} in LF: save the file with one kind"
        return UnreadableFileError(("mixed_line_ends", reason))
    return UnreadableFileError(("unreadable_file", str(error).splitlines()[0]))


def keep_unreadable_lines(
    con: Connection, path: Path, table: str, header: tuple[str, ...], row_count: int
) -> None:
    """Adds a CSV file's unreadable lines to `unreadable_lines`, and proves that none is missing.

    Args:
        con: Where the file was read with rejects table `rejected_<table>`.
        path: Of the file.
        table: Its table.
        header: Its columns.
        row_count: Rows that were read.

    Raises:
        UnreadableFileError: A quote is never closed, so that nobody knows where rows begin.
    """
    con.execute(f"""
        create or replace temp table rejected_records as
        select
            -- the blank lines before a line are a part of it
            line_byte_position + coalesce(
                length(regexp_extract(any_value(csv_line), '^[\\r\\n]*')), 0
            ) as byte_position,
            trim(any_value(csv_line), chr(13) || chr(10)) as text,
            min(case error_type
                when 'LINE SIZE OVER MAXIMUM' then 1
                when 'UNQUOTED VALUE' then 2
                when 'INVALID ENCODING' then 3
                else 4
            end) as kind,
            max(try_cast(regexp_extract(error_message, 'Found: (\\d+)', 1) as bigint)) as fields
        from rejected_{table}
        group by line_byte_position
    """)
    positions = con.execute(
        "select byte_position from rejected_records order by byte_position"
    ).fetchnumpy()["byte_position"]
    lines = line_numbers(path, np.asarray(positions, dtype=np.int64))
    _refuse_open_quote(con, lines)
    line_count = _count_lines(path)
    lost = line_count - row_count - len(lines) - 1
    if lost:
        lost -= _inner_line_breaks(con, path, header) + _blank_lines(path)
    if lost > 0:
        reason = (
            f"line {line_count - lost + 1}: a quote is opened and never closed: it swallows"
            f" {lost:,} lines"
        )
        raise UnreadableFileError(("open_quote", reason))
    con.execute(
        f"""
        insert into unreadable_lines
        select
            '{table}',
            unnest($lines::bigint[]),
            unnest((select list(text order by byte_position) from rejected_records)),
            unnest((
                select list(case kind
                    when 2 then 'text follows a closing quote, or a quote is never closed'
                    when 3 then 'it is not UTF-8: save the file as UTF-8'
                    else 'it has ' || fields || ' fields, the header {len(header)}'
                end order by byte_position)
                from rejected_records
            ))
        """,
        {"lines": lines.tolist()},
    )


def line_numbers(path: Path, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The lines (from 1) on which rising byte positions of a file lie."""
    found = [np.empty(0, dtype=np.int64)]
    begin, line = 0, 1
    for chunk in _chunks(path) if len(positions) else ():
        breaks = np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == _line_end(path))
        first, last = np.searchsorted(positions, [begin, begin + len(chunk)])
        found.append(line + np.searchsorted(breaks, positions[first:last] - begin))
        begin, line = begin + len(chunk), line + len(breaks)
    return np.concatenate(found)


def _refuse_open_quote(con: Connection, lines: npt.NDArray[np.int64]) -> None:
    """A broken quote that runs over a line's end hides where the next rows begin."""
    place = scalar(
        con,
        """
        select min(place)
        from (
            select row_number() over (order by byte_position) as place, kind, text
            from rejected_records
        )
        where kind = 1 or kind = 2 and regexp_matches(text, '[\\r\\n]')
        """,
    )
    if place is not None:
        reason = (
            f"line {lines[place - 1]}: a quote is opened and closed in the middle of a later line,"
            f" or the line is longer than {MAX_LINE_BYTES:,} bytes: where rows begin is unknown"
        )
        raise UnreadableFileError(("open_quote", reason))


def _inner_line_breaks(con: Connection, path: Path, header: tuple[str, ...]) -> int:
    """Line breaks inside the quoted values of a CSV file, header and unreadable lines included."""
    line_end = chr(_line_end(path))
    texts = [f'sum(length("{name}") - length(replace("{name}", $end, \'\')))' for name in header]
    row = con.execute(
        f"select {' + '.join(f'coalesce({text}, 0)' for text in texts)}"
        f" + coalesce((select sum(length(text) - length(replace(text, $end, '')))"
        f" from rejected_records), 0) from {csv_relation(path, header)}",
        {"end": line_end},
    ).fetchone()
    return int(row[0] if row else 0) + sum(name.count(line_end) for name in header)


def _count_lines(path: Path) -> int:
    """Lines of a file, the last one with or without its end."""
    line_end = bytes([_line_end(path)])
    count, last = 0, line_end
    for chunk in _chunks(path):
        count, last = count + chunk.count(line_end), chunk[-1:]
    return count + (last != line_end)


def _blank_lines(path: Path) -> int:
    """Lines without a character; the reader skips them."""
    pattern = re.compile(rb"\n(?=\r?\n)" if _line_end(path) == ord("\n") else rb"\r(?=\r)")
    count, tail = 0, b""
    for chunk in _chunks(path):
        # a match may begin in the last two bytes of the chunk before
        window = tail + chunk
        count += len(pattern.findall(window)) - len(pattern.findall(tail))
        tail = window[-2:]
    return count


def _line_ends(path: Path) -> Iterator[tuple[int, int]]:
    """Per chunk of a file, its line ends of the kinds CRLF and LF."""
    for chunk in _chunks(path):
        crlf = chunk.count(b"\r\n")
        yield crlf, chunk.count(b"\n") - crlf


def _line_end(path: Path) -> int:
    """The byte that ends a line: LF, or CR in a file that has none in its beginning."""
    with path.open("rb") as file:
        head = file.read(MAX_LINE_BYTES)
    return ord("\n") if b"\n" in head or b"\r" not in head else ord("\r")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
