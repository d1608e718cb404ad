"""The same rows give the same tables, to the bit, in whatever order the files hold them."""

import hashlib

from tests.dbt_project.builds import Builds
from tests.dbt_project.export import Row, Tables
from tests.forks import FORKS


def test_two_builds_have_equal_digests(builds: Builds) -> None:
    first = builds.read(builds.database(None, None))
    FORKS.close()  # a new process orders its sets by another seed
    second = builds.read(builds.database(None, None, shuffled=True))
    assert digests(first) == digests(second)


def digests(tables: Tables) -> dict[str, str]:
    """A digest of each table that does not depend on the order of its rows."""
    return {table: _digest(rows) for table, rows in tables.items()}


def _digest(rows: list[Row]) -> str:
    lines = sorted(repr(sorted(row.items())) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
