"""A copy of the repository, in which tests call make as the users do."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(sys.prefix)
# Wall-clock times and run ids stand only in these columns (by name, in any table).
WALL_CLOCK = {
    "run_id",
    "trained_at",
    "predicted_at",
    "measured_at",
    "decided_at",
    "first_decided_at",
    "validated_at",
    "quarantined_at",
}
needs_make = pytest.mark.skipif(
    not (VENV / ".installed").exists() or not shutil.which("make"),
    reason="needs make and the environment of `make setup`",
)


class Clone:
    """A copy of the repository in which make is called, as its users call it."""

    first_output: str
    """The output of the first `make run`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    @property
    def published(self) -> Path:
        return self.folder / "warehouse" / "escrow.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        """That of the tests, without what a surrounding make exported for its own warehouse."""
        return {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MAKE", "ESCROW", "DBT"))
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["make", *arguments, f"VENV={VENV}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def ask(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.published), read_only=True) as con:
            return con.execute(sql).fetchall()

    def digests(self) -> dict[str, tuple]:
        """Row count and an order-free digest of every table and view, wall clocks left out."""
        with duckdb.connect(str(self.published), read_only=True) as con:
            columns = con.execute(
                "select table_schema || '.' || table_name, list(column_name order by column_name)"
                " from information_schema.columns group by all order by all"
            ).fetchall()
            return {
                table: con.execute(
                    f"select count(*), sum(hash(row({', '.join(sorted(kept))}))) from {table}"
                ).fetchone()
                for table, names in columns
                if (kept := set(names) - WALL_CLOCK)
            }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
