"""Digests that tell whether data, truth and code belong together."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from generator.output import FORMATS
from generator.schemas import SCHEMAS

# Columns that no two worlds have in common: none of them may be empty, all take 64 bits.
COLUMNS = {
    "projects": ("project_id", "creator_id", "launched_at", "deadline_at"),
    "pledges": ("project_id", "backer_id", "pledged_at"),
}


class DataDigest:
    """Takes in the rows of a world, block by block, so that other worlds have other digests."""

    def __init__(self) -> None:
        """Begins without rows."""
        self._sums = {
            name: {column: hashlib.sha256() for column in columns}
            for name, columns in COLUMNS.items()
        }

    def add(self, name: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Takes in the next rows of a table; how they are cut into parts makes no difference."""
        if name not in COLUMNS:
            return
        for column, digest in self._sums[name].items():
            values = rows.column(column)
            for part in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                if len(part):
                    numbers = np.frombuffer(part.buffers()[1], dtype="<i8")
                    digest.update(numbers[part.offset : part.offset + len(part)].tobytes())

    def values(self) -> dict[str, str]:
        """Returns the digest of each table in `COLUMNS`."""
        return {
            name: hashlib.sha256(
                "".join(sums[key].hexdigest() for key in sums).encode()
            ).hexdigest()
            for name, sums in self._sums.items()
        }


def digest_of(folder: Path) -> dict[str, str]:
    """Returns the digests of the tables in a folder, in either format.

    Raises:
        OSError, ValueError: A table is missing, or is not what the contract says.
    """
    digest = DataDigest()
    for name, columns in COLUMNS.items():
        for rows in _parts(folder, name, columns):
            digest.add(name, rows)
    return digest.values()


def _parts(folder: Path, name: str, columns: Iterable[str]) -> Iterator[Any]:
    csv, parquet = (folder / f"{name}.{file_format}" for file_format in FORMATS)
    kinds = {column: SCHEMAS[name].field(column).type for column in columns}
    if csv.exists():
        options = pa_csv.ConvertOptions(include_columns=list(kinds), column_types=kinds)
        yield pa_csv.read_csv(csv, convert_options=options)
    else:
        with pa_parquet.ParquetFile(parquet) as file:
            for rows in file.iter_batches(columns=list(kinds)):
                yield rows.cast(pa.schema(list(kinds.items())))


@cache
def code_digest() -> str:
    """Returns the digest of this package's code, by which a world is made."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
