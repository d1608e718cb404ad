"""The log of online predictions: one line each, whole or ignorable, from any number of writers."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ml import json_lines
from ml.errors import MlError

LOG_FILE = "predictions.jsonl"
_LOG_FILES = re.compile(r".*\.jsonl(\.\d+)?")  # the one in use, and what a rotation leaves
_DIGEST = b', "sha256": "'  # of all that stands before it in the line


class LogError(MlError):
    """The log cannot be written or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One online prediction; times are UTC without a zone.

    Attributes:
        prediction_id: Follows from the batch's id for the same values, the client and the request.
        request_id: What the caller, or chance, called the request.
        client: Who asked.
        is_decided: The outcome was already plain at the snapshot.
        feature_values: JSON of what it was made from; None in lines of before it was kept.
        skill_state: Whether the model is proven better than trivial rules; None likewise.
    """

    prediction_id: str
    request_id: str
    client: str
    model_name: str
    model_version: str
    entity_id: int
    snapshot_at: datetime
    snapshot_kind: str
    is_decided: bool
    predicted_probability: float
    predicted_label: bool
    predicted_at: datetime
    feature_values: str | None = None
    skill_state: str | None = None


_NAMES = [field.name for field in fields(Prediction)]


class Line(NamedTuple):
    """One line of the log: where it stands, and its prediction if it is whole."""

    place: str
    prediction: Prediction | None


class Collected(NamedTuple):
    """The outcome for the lines of the log.

    Attributes:
        added_count: Predictions that were new.
        known_count: Predictions that were there already, or stand in the log twice.
        foreign: Predictions of each model version that this warehouse has not trained.
        damaged_count: Lines that are not whole.
        first_damaged: Where the first of them stands.
    """

    added_count: int
    known_count: int
    foreign: Counter[str]
    damaged_count: int
    first_damaged: str | None


def prediction_id(batch_id: str, client: str, request: str) -> str:
    """Returns the id of a request: same version, snapshot, values, client and request, same id."""
    return hashlib.md5(json.dumps([batch_id, client, request]).encode()).hexdigest()


def append(folder: Path, *predictions: Prediction, is_synced: bool = True) -> None:
    """Adds a line each.

    Args:
        folder: Of the log.
        predictions: What was answered.
        is_synced: Return when they are on the disk, instead of leaving that to `sync`.

    Raises:
        LogError: The lines could not be written; nothing of them is left.
    """
    with _usable(folder / LOG_FILE) as path, json_lines.opened(path) as file:
        json_lines.write(file, b"".join(_encode(each) for each in predictions), is_synced=is_synced)


def sync(folder: Path) -> None:
    """Returns when the lines are on the disk, except of a file that was renamed meanwhile.

    Raises:
        LogError: The disk does not take them.
    """
    with _usable(folder / LOG_FILE) as path, suppress(FileNotFoundError):
        json_lines.sync(path)


@contextmanager
def _usable(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise LogError(
            f"{path} cannot be written ({error.strerror}): no answer without it"
        ) from error


def read(folder: Path) -> Iterator[Line]:
    """Yields the lines of all files of the log; an unfinished last line is left for later.

    Raises:
        LogError: A file cannot be read.
    """
    for path in sorted(folder.glob("*.jsonl*")):
        if not _LOG_FILES.fullmatch(path.name):
            continue
        try:
            for number, line in json_lines.whole_lines(path):
                yield Line(f"{path}:{number}", _decode(line))
        except OSError as error:
            raise LogError(f"{path} cannot be read ({error.strerror})") from error


def _encode(prediction: Prediction) -> bytes:
    given = ((name, getattr(prediction, name)) for name in _NAMES)
    values = {
        name: value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in given
    }
    content = json.dumps(values).encode().removesuffix(b"}")
    return content + _DIGEST + hashlib.sha256(content).hexdigest().encode() + b'"}\n'


def _decode(line: bytes) -> Prediction | None:
    content, found, digest = line.rpartition(_DIGEST)
    if not found or digest != hashlib.sha256(content).hexdigest().encode() + b'"}\n':
        return None
    values = json.loads(content + b"}")
    if {"feature_values", "skill_state", *values} != set(_NAMES):
        return None
    for name in ("snapshot_at", "predicted_at"):
        values[name] = datetime.fromisoformat(values[name]).replace(tzinfo=None)
    return Prediction(**values)
