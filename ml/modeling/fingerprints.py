"""What went into a model, as short digests: data, settings, code and libraries."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml.settings import ModelSettings

_PACKAGE = Path(__file__).parent
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")


def of_rows(rows: pa.RecordBatchReader) -> str:
    """Digests names, types and values of all columns, whatever the sizes of the batches."""
    hashers = {name: _ColumnHasher() for name in rows.schema.names}
    for batch in rows:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            hashers[name].update(column)
    parts = [(field.name, str(field.type), hashers[field.name].digest()) for field in rows.schema]
    return _digest(parts)


class _ColumnHasher:
    """Keeps nulls, values and the bytes of texts apart, so that no two columns look the same."""

    def __init__(self) -> None:
        self._nulls, self._values, self._bytes = (hashlib.sha256() for _ in range(3))

    def update(self, column: pa.Array) -> None:
        self._nulls.update(_bytes(column.is_null()))
        if pa.types.is_string(column.type):
            texts = column.fill_null("").to_pylist()
            self._values.update(_bytes(pc.binary_length(column.fill_null(""))))
            self._bytes.update("".join(texts).encode())
        elif pa.types.is_floating(column.type):
            self._values.update(_bytes(column.fill_null(0.0)))
        else:
            self._values.update(_bytes(column.cast(pa.int64()).fill_null(0)))

    def digest(self) -> list[str]:
        return [hasher.hexdigest() for hasher in (self._nulls, self._values, self._bytes)]


def _bytes(column: pa.Array) -> bytes:
    values: bytes = column.to_numpy(zero_copy_only=False).tobytes()
    return values


def of_settings(model: ModelSettings) -> str:
    """Digests all settings that shape the model or its metrics.

    Those of drift do neither, and `train_every_days` only says which rows there are.
    """
    settings = asdict(model)
    del settings["drift"], settings["train_every_days"]
    return _digest(settings)


def of_code(folder: Path = _PACKAGE) -> str:
    """Digests the modules of the package (not of its subpackages).

    All of them: a list of the ones that matter is right only until somebody moves a function.
    """
    files = sorted(folder.glob("*.py"))
    return _digest([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files])


def libraries() -> dict[str, str]:
    """Returns the versions of what computes or stores a model."""
    return {"python": platform.python_version()} | {
        name: library_version(name) for name in _LIBRARIES
    }


def model_version(name: str, data: str, settings: str, code: str) -> str:
    """Returns the version that follows from all that went in: 12 hexadecimal digits."""
    return _digest([name, data, settings, code, libraries()])[:12]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
