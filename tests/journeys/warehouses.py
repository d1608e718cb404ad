"""Warehouses of one clone, written as schedulers and people do, and what is published in them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.journeys.clone import Clone

# What a run publishes for its timestamp. Schemas ml and quality also hold what earlier runs said.
STATE = ("core", "features", "insights")
LEDGER_DIFFERENCE = """
    select coalesce(sum(pledged_amount - held_amount - released_amount - refunded_amount), 0)
    from core.escrow_balances
"""


class Warehouse(Clone):
    """One of several warehouses in a clone; what it shares with `Clone` goes by its folders."""

    def __init__(self, clone: Clone, name: str) -> None:
        self.folder = clone.folder
        self.root, self.site = clone.folder / name, clone.folder / f"{name}-site"
        self.variables = (f"WAREHOUSE={name}", f"SITE={name}-site")

    @property
    def published(self) -> Path:
        return self.root / "escrow.duckdb"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts make for this warehouse, unless the arguments name other folders."""
        named = {each.partition("=")[0] for each in arguments}
        own = [each for each in self.variables if each.partition("=")[0] not in named]
        return super().start(*arguments, *own)

    def schedule(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts `python -m pipeline`, as a scheduler does."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments, *self.variables],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Runs the whole job as a scheduler does; returns exit code and output."""
        process = self.schedule("run", *arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def publish(self, *arguments: str) -> str:
        """Runs the whole job, which must succeed; returns its output."""
        code, output = self.run(*arguments)
        assert code == 0, output
        return output

    def page(self, name: str) -> str:
        """The source of a page."""
        return (self.site / name).read_text(encoding="utf-8")


def state(warehouse: Clone) -> dict[str, tuple]:
    """Digests of all that is published for the timestamp of the run, wall clocks left out."""
    found = warehouse.digests()
    found.pop("insights.online_predictions", None)  # what people asked, whatever the data are
    return {table: found[table] for table in found if table.split(".")[0] in STATE}


def is_conserved(warehouse: Clone) -> bool:
    """Whether each pledged cent is held, released or refunded."""
    ((difference,),) = warehouse.ask(LEDGER_DIFFERENCE)
    return difference == 0


def stages_of_last_run(warehouse: Warehouse) -> list[str]:
    """The stages that the last run went through, as the run log has them."""
    *_, last = (warehouse.root / "runs.jsonl").read_text().splitlines()
    return [each["stage"] for each in json.loads(last)["stages"]]


def wait_for(process: subprocess.Popen[str], is_reached: Callable[[int], bool]) -> None:
    """Returns as soon as a stage that a run has started meets a condition on its process id.

    Fails if the run ends before.
    """
    while True:
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            if any(is_reached(pid) for pid in _stage_processes(process.pid)):
                return
            continue
        assert process.stdout is not None
        raise AssertionError(f"the run ended early: {process.stdout.read()}")


def runs(*words: str) -> Callable[[int], bool]:
    """Whether the process of the stages runs a command at present, as Linux names it."""
    command = " ".join(words)[:15]
    return lambda pid: _present_command(pid).startswith(command)


def runs_and_has_open(*words: str, name: str) -> Callable[[int], bool]:
    """Whether the process of a stage runs a command and has a file of that name open."""
    is_running = runs(*words)
    return lambda pid: is_running(pid) and name in _open_files(pid)


def _stage_processes(group: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        pid = int(each.name)
        try:
            is_of_group = os.getpgid(pid) == group
        except ProcessLookupError:
            continue
        if is_of_group and "pipeline.child" in _command(pid):
            found.append(pid)
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _present_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def _open_files(pid: int) -> set[str]:
    found = set()
    try:
        for each in Path(f"/proc/{pid}/fd").iterdir():
            found.add(Path(os.readlink(each)).name)
    except OSError:
        pass
    return found


class Reader:
    """Somebody who asks the published file one question again and again, from another process.

    Attributes:
        answers: Different answers, in their order.
        errors: What went wrong.
    """

    def __init__(self, published: Path, sql: str, *, command: list[str] | None = None) -> None:
        self._published, self._sql, self._command = published, sql, command
        self.answers: list[str] = []
        self.errors: list[str] = []

    def ask(self) -> None:
        """Asks once."""
        try:
            answer = self._from_python() if self._command is None else self._from_shell()
        except (duckdb.Error, subprocess.CalledProcessError) as error:
            self.errors.append(f"{error} {getattr(error, 'stderr', '')}")
            return
        if self.answers[-1:] != [answer]:
            self.answers.append(answer)

    def _from_python(self) -> str:
        with duckdb.connect(str(self._published), read_only=True) as con:
            return str(con.execute(self._sql).fetchall())

    def _from_shell(self) -> str:
        assert self._command is not None
        call = [*self._command, "-readonly", str(self._published), "-csv", "-c", self._sql]
        return subprocess.run(call, capture_output=True, text=True, check=True).stdout
