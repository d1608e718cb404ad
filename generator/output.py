"""The output folder: written aside, complete or absent, swapped in at the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from generator.schemas import SCHEMAS

FORMATS = ("csv", "parquet")


class OutputError(Exception):
    """The place cannot be written to, or holds something that is not ours to replace."""


class TableWriters:
    """Seven open files, to which blocks of rows are appended."""

    def __init__(self, folder: Path, file_format: str, stack: ExitStack) -> None:
        """Creates the files, headers included, in an existing folder."""
        self.row_counts = dict.fromkeys(SCHEMAS, 0)
        self._writers = {
            name: stack.enter_context(_open(folder / f"{name}.{file_format}", schema))
            for name, schema in SCHEMAS.items()
        }

    def append(self, tables: dict[str, pa.Table]) -> None:
        """Writes the rows of one block, as one row group per table."""
        for name, table in tables.items():
            if table.num_rows:
                self._writers[name].write_table(table)
                self.row_counts[name] += table.num_rows


@contextmanager
def writing(out: Path, file_format: str) -> Iterator[TableWriters]:
    """Opens writers whose files appear at `out` together, once the block ends without an error.

    Raises:
        OutputError: `out` is not a folder, or holds files other than generated tables.
    """
    check_replaceable(out)
    aside = out.with_name(f".{out.name}.partial-{os.getpid()}")
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(out)
    aside.mkdir()
    try:
        with ExitStack() as stack:
            writers = TableWriters(aside, file_format, stack)
            yield writers
        _sync(aside)
        _swap(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_replaceable(out: Path) -> None:
    """Refuses to replace anything but a folder of generated tables."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is a file; --out names a folder")
    ours = {f"{name}.{file_format}" for name in SCHEMAS for file_format in FORMATS}
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
    # Ids and moments hardly repeat: a dictionary of them costs time and saves nothing.
    repeating = [field.name for field in schema if field.type in (pa.string(), pa.bool_())]
    return pa_parquet.ParquetWriter(
        str(path),
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=repeating,
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


def _swap(aside: Path, out: Path) -> None:
    """Puts the new folder in the place of the old one."""
    previous = _previous(out)
    if out.exists():
        out.rename(previous)
    aside.rename(out)
    shutil.rmtree(previous, ignore_errors=True)


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
