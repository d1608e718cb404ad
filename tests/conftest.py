"""Warehouses for tests, built by the very stages of a run, each away from the repository's own."""

import fcntl
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import randrange

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from tests.forks import FORKS, REPOSITORY

DBT = Path(sys.executable).with_name("dbt")
# what nobody reads after a build costs half a second of each
SILENTLY = ("--no-write-json", "--log-level-file", "none")
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
# names the environment variable with the seeds that this run of the tests draws
FRESH_SEEDS = "FRESH_SEEDS"
# how long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Draws the fresh seeds once, which the workers inherit; lets what tests start be interrupted.

    A shell starts background jobs with SIGINT ignored, and so would be all that they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault(FRESH_SEEDS, ",".join(str(randrange(10**6)) for _ in range(2)))


def pytest_report_header() -> str:
    """Says how to repeat a failure on a fresh seed."""
    return f"fresh seeds: {FRESH_SEEDS}={os.environ[FRESH_SEEDS]} repeats them"


class Workshop:
    """A copy of the dbt project and a warehouse, in which one database after another is built.

    They all come into being at one path, since dbt parses its project anew when that path changes.

    Attributes:
        database: where the database under construction is.
        project: the copy of the dbt project, which a test may spoil.
        target: where dbt leaves its manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.project = folder / "dbt_project"
        self.target = folder / "target"
        self.warehouse = folder / "warehouse"
        self.database = self.warehouse / "build" / "escrow.duckdb"
        self.clear()

    def clear(self) -> None:
        """Takes a fresh copy of the project and leaves no warehouse; what dbt parsed stays."""
        shutil.rmtree(self.warehouse, ignore_errors=True)
        shutil.rmtree(self.project, ignore_errors=True)
        ignored = shutil.ignore_patterns("target", "logs", "*.csv", "raw.yml", ".user.yml")
        shutil.copytree(REPOSITORY / "dbt_project", self.project, ignore=ignored)

    def land(
        self, data: Path, *, as_of: datetime | None = None, on_bad_rows: str = "reject"
    ) -> None:
        """Lands the raw files of `data` into a fresh database."""
        given = () if as_of is None else ("--as-of", as_of.isoformat())
        self.python(
            *("expectations.landing", "--data", data, "--warehouse", self.warehouse),
            *("--on-bad-rows", on_bad_rows, "--run-id", "test", *given),
        )
        self.database.unlink(missing_ok=True)

    def dbt(self, *arguments: str) -> None:
        """Runs a dbt command on what was landed."""
        paths = {
            "--project-dir": self.project,
            "--profiles-dir": REPOSITORY,
            "--target-path": self.target,
            "--log-path": self.target / "logs",
        }
        call([DBT, "--quiet", *arguments, *(part for path in paths.items() for part in path)],
            ESCROW_DB=str(self.database),
            ESCROW_LANDED=os.path.relpath(self.warehouse / "landed", self.project),
            DO_NOT_TRACK="1",
        )  # fmt: skip

    def python(self, module: str, *arguments: str | Path) -> None:
        """Runs one of the project's own commands."""
        call([sys.executable, "-m", module, *arguments])

    def build(self, data: Path, *, as_of: datetime | None = None, select: Sequence[str]) -> Path:
        """Lands, builds without tests what is selected, and returns the database."""
        self.land(data, as_of=as_of)
        self.dbt(*SILENTLY, "build", "--select", *select, *WITHOUT_TESTS)
        return self.database


def call(command: Sequence[str | Path], **environment: str) -> None:
    """Runs a command in the repository; fails with all it wrote.

    What a surrounding `make` exported for its own warehouse is kept from it.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DBT_", "ESCROW_", "MAKE"))
    }
    done = FORKS.run(command, cwd=REPOSITORY, env=inherited | environment)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"


@contextmanager
def only_worker(folder: Path) -> Iterator[None]:
    """Lets one worker after another into a folder: the first makes what the others take."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session", autouse=True)
def _forks_are_ended() -> Iterator[None]:
    yield
    FORKS.close()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """On tables this small, threads of the linear algebra would only wait for each other."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def lent_workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The workshop that is lent to one test after another, so that dbt parses one only."""
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def workshop(lent_workshop: Workshop) -> Workshop:
    """An empty workshop, the test's own until it ends."""
    lent_workshop.clear()
    return lent_workshop


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
