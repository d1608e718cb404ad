"""What is done: for each stage what it read and left, and which database holds its result."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipeline.digests import MISSING, stamp, write_json
from pipeline.paths import Paths, log_of

Values = dict[str, str]


@dataclass
class Record:
    """A finished stage: what it read, what it left, and the run that did it."""

    reads: Values
    writes: Values
    run_id: str


@dataclass
class Database:
    """The stages whose results one database file holds.

    Attributes:
        stages: Finished stages by name, in their order.
        is_published: Whether the file is the published one; else it is the build.
        mark: The stamp of that file.
        history: The stamp of the published file that the build took its history from.
    """

    stages: dict[str, Record] = field(default_factory=dict)
    is_published: bool = False
    mark: str = MISSING
    history: str = MISSING


class State:
    """The state of one warehouse, kept in its build folder."""

    def __init__(self, paths: Paths) -> None:
        """Reads the state; an unreadable one counts as none, and everything is made again."""
        self._paths = paths
        self.files: dict[str, Record] = {}
        self.database = Database()
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(paths.state.read_text(encoding="utf-8"))
            files, database = _records(content["files"]), content["database"]
            stages = _records(database.pop("stages"))
            self.files, self.database = files, Database(stages=stages, **database)

    def holds_database(self) -> bool:
        """Whether the database that the state speaks of is still the one that was left."""
        published = stamp(self._paths.published)
        database = self.database
        if database.is_published:
            return published == database.mark != MISSING
        # a killed stage leaves what it wrote in DuckDB's log, and the file itself as it was
        if log_of(self._paths.build).exists():
            return False
        is_same = stamp(self._paths.build) == database.mark != MISSING
        return is_same and published == database.history

    def begin_build(self) -> None:
        """Forgets all stages in a database: a new build begins on the published history."""
        self.database = Database(history=stamp(self._paths.published))

    def go_on_in_build(self) -> None:
        """Says that the build is a copy of the published file from here on."""
        self.database.is_published = False
        self.database.history = stamp(self._paths.published)
        self.mark_database()

    def mark_database(self) -> None:
        """Remembers the database file as it is now."""
        self.database.mark = stamp(self._paths.build)

    def mark_published(self) -> None:
        """Says that the build has become the published file."""
        self.database.is_published = True
        self.database.history = MISSING
        self.database.mark = stamp(self._paths.published)

    def save(self) -> None:
        """Writes the state in one step."""
        content: dict[str, Any] = {
            "files": {name: vars(record) for name, record in self.files.items()},
            "database": {
                **vars(self.database),
                "stages": {name: vars(each) for name, each in self.database.stages.items()},
            },
        }
        write_json(self._paths.state, content)


def _records(content: dict[str, Any]) -> dict[str, Record]:
    """Makes records.

    Raises:
        TypeError: They are none.
    """
    records = {name: Record(**record) for name, record in content.items()}
    for each in records.values():
        if not (isinstance(each.reads, dict) and isinstance(each.writes, dict)):
            raise TypeError
    return records
