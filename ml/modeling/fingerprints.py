"""What went into a model, as short digests: data, settings, code and libraries."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import pyarrow as pa

from ml.settings import ModelSettings
from ml.warehouse import Warehouse

_PACKAGE = Path(__file__).parent
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")


def of_rows(warehouse: Warehouse, rows: str | pa.Table) -> str:
    """Digests rows of a query or a table: all that is learned from is sorted by key when read."""
    return _digest(warehouse.content(rows))


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
