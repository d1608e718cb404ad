"""Arrow columns laid over numpy memory.

`pyarrow.array` would do, but it imports pandas when that is installed: a second per run.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from generator.arrays import Bools, Floats, Ints
from generator.schemas import MONEY, TIMESTAMP


def integers(values: Ints, is_known: Bools | None = None) -> pa.Array:
    """Returns int64 values, NULL where not known."""
    return _over(pa.int64(), values, is_known)


def floats(values: Floats, is_known: Bools | None = None) -> pa.Array:
    """Returns float64 values, NULL where not known."""
    validity = None if is_known is None else _bits(is_known)
    data = pa.py_buffer(np.ascontiguousarray(values, dtype="<f8"))
    return pa.Array.from_buffers(pa.float64(), len(values), [validity, data])


def timestamps(values: Ints, is_known: Bools | None = None) -> pa.Array:
    """Returns microseconds since 1970 as UTC timestamps, NULL where not known."""
    return _over(TIMESTAMP, values, is_known)


def money(cents: Ints) -> pa.Array:
    """Returns cents as decimals, without going through floats: 128 bits, low half first."""
    halves = np.empty((len(cents), 2), dtype="<i8")
    halves[:, 0] = cents
    halves[:, 1] = cents >> 63
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(halves)])


def booleans(values: Bools) -> pa.Array:
    """Returns truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def texts(vocabulary: Sequence[str], index: Ints, is_known: Bools | None = None) -> pa.Array:
    """Returns `vocabulary[index]` per row, NULL where not known."""
    texts = [word.encode() for word in vocabulary]
    ends = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    known = pa.Array.from_buffers(pa.string(), len(texts), buffers)
    return known.take(integers(index, is_known))


def _over(kind: pa.DataType, values: Ints, is_known: Bools | None) -> pa.Array:
    validity = None if is_known is None else _bits(is_known)
    data = pa.py_buffer(np.ascontiguousarray(values, dtype="<i8"))
    return pa.Array.from_buffers(kind, len(values), [validity, data])


def _bits(values: Bools) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
