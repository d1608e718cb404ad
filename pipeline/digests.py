"""Digests of file contents, which decide what is due; an unchanged file is read once."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MISSING = "missing"
# A file changed within this time of being read may change again without a new timestamp.
RACY_NS = 2_000_000_000


def of_text(*parts: str) -> str:
    """The digest of texts, kept apart from each other."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def stamp(path: Path) -> str:
    """Size and modification time of a file; `missing` if there is none.

    For databases, which take long to read: each run replaces them, and who writes into one by hand
    leaves another time. A copy that keeps its times (`cp -a`, `rsync -a`) counts as the same.
    """
    try:
        found = os.stat(path)
    except OSError:
        return MISSING
    return f"{found.st_size}/{found.st_mtime_ns}"


class Digests:
    """Digests of files and folders, remembered between runs.

    A remembered digest holds while size, inode, modification and change time stay the same, unless
    one of the times is so close to the reading that a later change could bear it too. The change
    time cannot be set by a program: a restored older file has a new one.
    """

    def __init__(self, path: Path) -> None:
        """Reads what is remembered in a file; an unreadable one is forgotten."""
        self._path = path
        self._known: dict[str, list[object]] = {}
        self._is_changed = False
        with suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(known, dict):
                self._known = {name: each for name, each in known.items() if isinstance(each, list)}

    def of_file(self, path: Path) -> str:
        """The digest of a file's content; `missing` if there is none."""
        try:
            found = os.stat(path)
        except OSError:
            return MISSING
        seen = [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
        known = self._known.get(str(path))
        if known and known[:-1] == seen:
            return str(known[-1])
        changed_at = max(found.st_mtime_ns, found.st_ctime_ns)
        read_at = time.time_ns()
        digest = _of_content(path)
        if changed_at + RACY_NS < read_at:
            self._known[str(path)] = [*seen, digest]
            self._is_changed = True
        return digest

    def of_files(self, paths: Iterable[Path], *, below: Path) -> str:
        """The digest of names (relative to a folder) and contents of files."""
        named = sorted((os.path.relpath(path, below), path) for path in set(paths))
        return of_text(*(f"{name} {self.of_file(path)}" for name, path in named))

    def of_folder(self, folder: Path) -> str:
        """The digest of all files in a folder, at any depth; `missing` if there is none."""
        if not folder.is_dir():
            return MISSING
        return self.of_files((each for each in folder.rglob("*") if each.is_file()), below=folder)

    def save(self) -> None:
        """Remembers the digests; whoever cannot only reads more the next time."""
        if self._is_changed:
            with suppress(OSError):
                write_json(self._path, self._known)
            self._is_changed = False


def _of_content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def write_json(path: Path, value: object) -> None:
    """Replaces a JSON file in one step.

    Raises:
        OSError: It cannot be written; `filename` is its name, which the error of a full disk lacks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.new")
    try:
        aside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
