"""Output folders: written aside, complete or absent, swapped in together at the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from generator.schemas import ID, SCHEMAS, TEXT, TIMESTAMP

FORMATS = ("csv", "parquet")
# Rows of all row groups but the last: as many as DuckDB writes, so that landing can copy them.
ROW_GROUP = 122_880


class OutputError(Exception):
    """The place cannot be written to, or holds something that is not ours to replace."""


@dataclass(frozen=True, slots=True)
class Target:
    """A folder to be written: one file per schema, all in one format."""

    folder: Path
    file_format: str
    schemas: dict[str, pa.Schema] = field(default_factory=lambda: SCHEMAS)


class TableWriters:
    """Open files, one per table, to which blocks of rows are appended."""

    def __init__(self, target: Target, folder: Path, stack: ExitStack) -> None:
        """Creates the files, headers included, in an existing folder."""
        self.row_counts = dict.fromkeys(target.schemas, 0)
        self._writers = {
            name: stack.enter_context(_open(folder / f"{name}.{target.file_format}", schema))
            for name, schema in target.schemas.items()
        }
        self._held = {name: schema.empty_table() for name, schema in target.schemas.items()}
        stack.callback(self._write_held)

    def append(self, tables: dict[str, pa.Table]) -> None:
        """Writes the rows of one block in whole row groups; the rest is held for the next block."""
        for name, table in tables.items():
            self.row_counts[name] += table.num_rows
            rows = pa.concat_tables([self._held[name], table])
            whole = rows.num_rows - rows.num_rows % ROW_GROUP
            if whole:
                self._writers[name].write_table(rows.slice(0, whole), ROW_GROUP)
            self._held[name] = rows.slice(whole)

    def _write_held(self) -> None:
        for name, rows in self._held.items():
            if rows.num_rows:
                self._writers[name].write_table(rows, ROW_GROUP)


@contextmanager
def writing(*targets: Target) -> Iterator[list[TableWriters]]:
    """Opens writers whose files appear together, once the block ends without an error.

    Should a crash fall into the very swap, the first folder is there before the others.

    Raises:
        OutputError: A folder is not one, lies within another one, or holds other files than ours.
    """
    _check_apart([target.folder for target in targets])
    for target in targets:
        check_replaceable(target.folder, target.schemas)
    aside = {
        target.folder: target.folder.with_name(f".{target.folder.name}.partial-{os.getpid()}")
        for target in targets
    }
    try:
        for out, partial in aside.items():
            out.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(out)
            partial.mkdir()
        with ExitStack() as stack:
            yield [TableWriters(target, aside[target.folder], stack) for target in targets]
        for partial in aside.values():
            _sync(partial)
        _swap(aside)
    finally:
        for partial in aside.values():
            shutil.rmtree(partial, ignore_errors=True)


def _check_apart(folders: list[Path]) -> None:
    for one, other in permutations(folders, 2):
        if one == other or other in one.parents:
            raise OutputError(
                f"{one} lies in {other}: data and truth need folders of their own, side by side"
            )


def check_replaceable(out: Path, schemas: dict[str, pa.Schema]) -> None:
    """Refuses to replace anything but a folder of tables with these names."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder")
    ours = {f"{name}.{file_format}" for name in schemas for file_format in FORMATS}
    foreign = sorted(item.name for item in out.iterdir() if item.name not in ours)
    if foreign:
        raise OutputError(
            f"{out} holds {foreign[0]}, which is not a generated table;"
            " choose a new or an empty folder"
        )


def _open(path: Path, schema: pa.Schema) -> Any:
    if path.suffix == ".csv":
        options = pa_csv.WriteOptions(quoting_header="none", batch_size=65_536)
        return pa_csv.CSVWriter(str(path), schema, write_options=options)
    # Ids and timestamps hardly repeat, but lie near each other: their differences take a third of
    # the room, half of the time, and no compression.
    near = [item.name for item in schema if item.type in (ID, TIMESTAMP)]
    return pa_parquet.ParquetWriter(
        str(path),
        schema,
        compression={name: "none" if name in near else "zstd" for name in schema.names},
        compression_level={name: 1 for name in schema.names if name not in near},
        use_dictionary=[item.name for item in schema if item.type == TEXT],
        column_encoding=dict.fromkeys(near, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
    )


def _sync(folder: Path) -> None:
    """Waits until files and folder are on disk: a crash after the swap must not empty them."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swap(aside: dict[Path, Path]) -> None:
    """Takes the old folders away, last one first, and puts the new ones in their places."""
    for out in reversed(aside):
        if out.exists():
            out.rename(_previous(out))
    for out, partial in aside.items():
        partial.rename(out)
    for out in aside:
        shutil.rmtree(_previous(out), ignore_errors=True)


def _previous(out: Path) -> Path:
    return out.with_name(f".{out.name}.previous")


def _remove_left_behind(out: Path) -> None:
    """Tidies up after killed runs: their partial folders, and a swap that was cut in two."""
    previous = _previous(out)
    if previous.exists():
        if out.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(out)
    for path in out.parent.glob(f".{out.name}.partial-*"):
        owner = path.name.rpartition("-")[2]
        if not (owner.isdigit() and _is_alive(int(owner))):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
