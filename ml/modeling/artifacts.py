"""Model folders: written once, never changed, and loaded only if the digest is the recorded one."""

import hashlib
import io
import json
import os
import pickle
import shutil
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import MlError
from ml.modeling.registry import ModelRun

if TYPE_CHECKING:  # who only checks a file need not wait a second for scikit-learn
    from ml.modeling.rolling import FittedModel

MODEL_FILE = "model.joblib"
MANIFEST_FILE = "manifest.json"
METRICS_FILE = "metrics.json"
_FILES = (MODEL_FILE, MANIFEST_FILE, METRICS_FILE)
_OTHER_FILE = "its model file is not the one that was recorded in ml.model_runs"


class ArtifactError(MlError):
    """A model file is missing or is not the one that was recorded; it was not loaded.

    Attributes:
        problem: What is wrong with it, without its path: the same on every machine.
    """

    def __init__(self, path: Path, problem: str) -> None:
        """Says which file it is and what to do."""
        super().__init__(
            f"{path} was not loaded: {problem}. `make run` trains a model that can serve."
        )
        self.problem = problem


class _ByValuePickler(pickle._Pickler):
    """Writes equal strings alike, whether or not they are one object.

    `pickle` refers back to a string only if it meets the same object again, and which strings are
    one object depends on what else the process has imported and run. The bytes, and with them the
    digest, would differ between two runs that fitted the same model.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self._strings: dict[str, str] = {}

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if type(obj) is str:
            obj = self._strings.setdefault(obj, obj)
        super().save(obj, save_persistent_id)  # type: ignore[misc]  # not in the stubs

    def memoize(self, obj: Any) -> None:
        # The buffers of all empty arrays are one object, which the superclass does not expect.
        if id(obj) not in self.memo:  # type: ignore[attr-defined]
            super().memoize(obj)  # type: ignore[misc]


def dump(fitted: Any) -> bytes:
    """Returns the fitted model as compressed bytes, the same for every run that fits it.

    `joblib.load` reads them as well. `joblib.dump` would take each of the thousand small arrays of
    a forest apart, which costs four times as long to read.
    """
    file = io.BytesIO()
    _ByValuePickler(file).dump(fitted)
    return zlib.compress(file.getbuffer(), level=1)


def digest(content: bytes) -> str:
    """Returns the SHA-256 of the content in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def folder_of(models: Path, model_name: str, version: str) -> Path:
    """Returns where a version of a model lives."""
    return models / model_name / version


def store(
    folder: Path, content: bytes, *, manifest: dict[str, Any], metrics: list[dict[str, Any]]
) -> None:
    """Writes the folder aside and swaps it in by one rename.

    A whole folder of this name that holds the very model stays as it is: it is that of a run for a
    later `as_of`, or of one that ended before it was recorded. Any other is a damaged one: it is
    kept beside, under a name that is never loaded, unless its model is whole.
    """
    if _holds(folder / MODEL_FILE, content) and all((folder / name).is_file() for name in _FILES):
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    _write(aside / MODEL_FILE, content)
    for name, value in ((MANIFEST_FILE, manifest), (METRICS_FILE, metrics)):
        _write(aside / name, (json.dumps(value, indent=2, default=str) + "\n").encode())
    if folder.exists():
        old = folder.rename(_free_name(folder))
        if _holds(old / MODEL_FILE, content):
            shutil.rmtree(old)
    aside.rename(folder)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _free_name(folder: Path) -> Path:
    number = 1
    while (kept := folder.with_name(f"{folder.name}.damaged-{number}")).exists():
        number += 1
    return kept


def damage(models: Path, run: ModelRun) -> str | None:
    """Returns what is wrong with the folder of a recorded model; None when nothing is."""
    folder = folder_of(models, run.model_name, str(run.model_version))
    for name in _FILES:
        if not (folder / name).is_file():
            return f"{folder / name} is missing"
    found = digest((folder / MODEL_FILE).read_bytes())
    if found != run.artifact_sha256:
        return f"{folder / MODEL_FILE}: {_OTHER_FILE}"
    return None


def checked(models: Path, run: ModelRun) -> bytes:
    """Reads the file of a recorded model.

    Raises:
        ArtifactError: The file is missing, or is not the recorded one.
    """
    return _checked(_file_of(models, run), run.artifact_sha256)


def _file_of(models: Path, run: ModelRun) -> Path:
    return folder_of(models, run.model_name, str(run.model_version)) / MODEL_FILE


def _checked(path: Path, recorded: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(path, f"its model file cannot be read ({error.strerror})") from error
    if digest(content) != recorded:
        raise ArtifactError(path, _OTHER_FILE)
    return content


def load(models: Path, run: ModelRun) -> "FittedModel":
    """Loads a recorded model.

    Raises:
        ArtifactError: The file is missing, is not the recorded one, or is of another version.
    """
    fitted: FittedModel = load_file(_file_of(models, run), run.artifact_sha256)
    return fitted


def load_file(path: Path, recorded: str | None) -> Any:
    """Loads what `dump` made, if its digest is the recorded one.

    The digest is checked on the very bytes that are then unpickled: unpickling runs code.

    Raises:
        ArtifactError: The file is missing, is not the recorded one, or is of another version.
    """
    from sklearn.exceptions import InconsistentVersionWarning

    content = _checked(path, recorded)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return pickle.loads(zlib.decompress(content))
        except InconsistentVersionWarning as error:
            problem = (
                f"its model file was made with scikit-learn {error.original_sklearn_version}, this"
                f" is {error.current_sklearn_version}"
            )
            raise ArtifactError(path, problem) from error
        except Exception as error:  # whatever unpickling meets in code that has changed since
            problem = "its model file was made by another version of this code"
            raise ArtifactError(path, problem) from error
