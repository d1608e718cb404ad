"""The run log: one line of JSON when a run begins, and one when it ends."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class RunLog:
    """Appends to `runs.jsonl`; a run that was killed has a first line and no second."""

    def __init__(self, path: Path, run_id: str) -> None:
        """Takes the file and the name of the run."""
        self._path, self._run_id = path, run_id
        self._stages: list[dict[str, Any]] = []

    def begin(self, goals: Sequence[str], settings: dict[str, str]) -> None:
        """Writes what was asked for."""
        self._write(event="begun", goals=list(goals), settings=settings)

    def stage(self, name: str, *, reason: str, seconds: float, code: int) -> None:
        """Keeps the outcome of a stage, and why it was due."""
        row = {"stage": name, "due_because": reason, "seconds": round(seconds, 2), "code": code}
        self._stages.append(row)

    def end(self, code: int) -> None:
        """Writes how it ended."""
        self._write(event="ended", code=code, stages=self._stages)

    def _write(self, **line: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"run_id": self._run_id, "at": at, **line}) + "\n"
        # what the disk has no room for must not end the run, or hide why it ended
        with suppress(OSError), self._path.open("ab+") as file:
            if (size := file.tell()) and os.pread(file.fileno(), 1, size - 1) != b"\n":
                text = f"\n{text}"  # such a line was torn, and spoils no other
            file.write(text.encode())
