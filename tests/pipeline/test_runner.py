"""What is due is run, and nothing else, whatever ended the runs before."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import runner, settings
from pipeline.digests import Digests
from pipeline.errors import StageFailedError
from pipeline.paths import Paths
from pipeline.plan import Context, Stage
from pipeline.run_log import RunLog
from pipeline.state import State
from tests.forks import FORKS

# A stage writes its name and what it read into a file of its own, or adds it to the database.
PROGRAM = """
import os, pathlib, signal, sys

name, source, target, mode = sys.argv[1:]
text = pathlib.Path(source).read_text()
with open(target, mode) as file:
    file.write(f"{name}:{text};")
ending = os.environ.get(f"ENDING_{name}", "")
if ending == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(ending or 0))
"""
MOVE = "import os, sys; os.replace(*sys.argv[1:])"
ALL = ["land", "features", "validate", "ml", "insights", "publish", "pages"]
FRESH = "features:first;validate:first;ml:first;insights:first;"


class Worker:
    """What the runner's worker is; its commands have ended in a fork when it is there."""

    def __init__(self, *, folder: Path, environment: dict[str, str], lock: int) -> None:
        assert lock
        self._folder, self._environment = folder, environment

    def start(self, commands: list[list[str]]) -> "Worker":
        """Runs commands to their end."""
        command = [sys.executable, "-m", "pipeline.child", json.dumps(commands)]
        done = FORKS.run(command, cwd=self._folder, env=os.environ | self._environment)
        self._code = done.returncode
        return self

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code."""
        return self._code


class Pipeline:
    """A small plan of the same shape: a file, stages in a database, publish, a page."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.inputs, self.code = folder, folder / "inputs", 0
        self.paths = Paths.at(str(folder / "warehouse"), str(folder / "site"))
        self.inputs.mkdir()
        (folder / "step.py").write_text(PROGRAM)
        (folder / "move.py").write_text(MOVE)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setattr(runner, "Worker", Worker)
        self._monkeypatch = monkeypatch
        for name in [*ALL, "shown"]:
            self.change(name, "first")

    def change(self, name: str, text: str) -> None:
        """Changes what a stage reads."""
        (self.inputs / name).write_text(text)

    def end(self, name: str, ending: str) -> None:
        """Lets a stage end in this way; empty: as it should."""
        self._monkeypatch.setenv(f"ENDING_{name}", ending)

    def run(self) -> list[str]:
        """Runs what is due, as a new process would, and returns what ran."""
        digests = Digests(self.paths.digests)
        context = Context(settings.read([f"DATA={self.folder}"], {}), self.paths, digests, "run")
        self.paths.root.mkdir(exist_ok=True)
        with (self.paths.root / ".lock").open("w") as lock:
            state, log = State(self.paths), RunLog(self.paths.run_log, "run")
            running = runner.Runner(context, state, log, lock=lock.fileno(), plan=self._plan())
            move = ["move", str(self.paths.build), str(self.paths.published)]
            self._monkeypatch.setattr(running, "_publish", lambda: [move])
            try:
                return running.bring_up_to_date("pages")
            finally:
                self.code = running.code
                digests.save()

    @property
    def published(self) -> str:
        """What readers see."""
        return self.paths.published.read_text()

    def _plan(self) -> tuple[Stage, ...]:
        landed, page = self.folder / "landed", self.folder / "page"
        return (
            self._in_file("land", landed),
            self._in_database("features", "w", landed),
            *(self._in_database(name, "a") for name in ("validate", "ml", "insights")),
            Stage("publish", lambda _: {}, lambda _: []),
            self._in_file("pages", page, self.paths.published),
        )

    def _in_file(self, name: str, target: Path, *more: Path) -> Stage:
        return Stage(
            name,
            self._reads(name, *more),
            lambda _: [["step", name, str(self.inputs / name), str(target), "w"]],
            lambda context: {target.name: context.digests.of_file(target)},
            is_in_database=False,
        )

    def _in_database(self, name: str, mode: str, *more: Path) -> Stage:
        build = str(self.paths.build)
        command = ["step", name, str(self.inputs / name), build, mode]
        shown = ["step", "shown", str(self.inputs / "shown"), str(self.folder / "shown"), "w"]
        reads = self._reads(name, *more)
        return Stage(name, reads, lambda _: [command], if_refused=lambda _: [shown])

    def _reads(self, name: str, *more: Path) -> Callable[[Context], dict[str, str]]:
        files = [self.inputs / name, *more]
        return lambda context: {each.name: context.digests.of_file(each) for each in files}


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A pipeline that has run once."""
    pipeline = Pipeline(tmp_path, monkeypatch)
    assert pipeline.run() == ALL
    assert pipeline.published == FRESH
    return pipeline


def test_a_second_run_does_nothing(pipeline: Pipeline) -> None:
    before = pipeline.paths.published.stat()
    assert pipeline.run() == []
    assert pipeline.paths.published.stat() == before


@pytest.mark.parametrize("name", ["features", "validate", "ml", "insights"])
def test_what_changed_and_what_follows_is_done_again(pipeline: Pipeline, name: str) -> None:
    pipeline.change(name, "second")
    assert pipeline.run() == ALL[ALL.index(name) :]
    assert f"{name}:second;" in pipeline.published
    assert pipeline.run() == []
    pipeline.change(name, "first")
    assert pipeline.run() == ALL[ALL.index(name) :]


def test_touched_files_are_not_changed_ones(pipeline: Pipeline) -> None:
    for path in pipeline.inputs.iterdir():
        path.touch()
    assert pipeline.run() == []


def test_a_published_file_written_by_hand_is_made_again(pipeline: Pipeline) -> None:
    content = pipeline.published
    pipeline.paths.published.write_text(content.replace("ml:first", "ml:wrong"))
    assert pipeline.run() == ALL[1:-1]
    assert pipeline.published == content


def test_a_changed_file_with_an_older_time_is_seen(pipeline: Pipeline) -> None:
    path = pipeline.inputs / "land"
    path.write_text("older")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert pipeline.run() == ALL[:-1]


def test_a_result_that_is_the_same_ends_the_chain(pipeline: Pipeline) -> None:
    """Landing the same rows from another file leaves the database alone."""
    same = (pipeline.folder / "landed").read_text()
    program = f"import pathlib, sys; pathlib.Path(sys.argv[3]).write_text({same!r})"
    (pipeline.folder / "step.py").write_text(program)
    pipeline.change("land", "the same rows in another order")
    assert pipeline.run() == ["land"]
    assert pipeline.run() == []


@pytest.mark.parametrize(
    ("lost", "ran"),
    [("landed", ["land"]), ("page", ["pages"]), ("warehouse/escrow.duckdb", ALL[1:-1])],
)
def test_what_was_removed_or_damaged_is_made_again(
    pipeline: Pipeline, lost: str, ran: list[str]
) -> None:
    path = pipeline.folder / lost
    whole = path.read_text()
    path.unlink()
    assert pipeline.run() == ran
    assert path.read_text() == whole
    path.write_text("damaged")
    assert pipeline.run() == ran
    assert path.read_text() == whole
    assert pipeline.run() == []


def test_without_its_build_folder_all_is_made_again(pipeline: Pipeline) -> None:
    shutil.rmtree(pipeline.paths.build_folder)
    assert pipeline.run() == ALL
    assert pipeline.published == FRESH


@pytest.mark.parametrize("name", ["features", "validate", "ml", "insights"])
def test_a_killed_stage_leaves_nothing_half_done(pipeline: Pipeline, name: str) -> None:
    pipeline.change("features", "second")
    pipeline.end(name, "kill")
    with pytest.raises(StageFailedError) as failed:
        pipeline.run()
    assert failed.value.code == 70
    assert signal.SIGKILL.name in str(failed.value)
    assert pipeline.published == FRESH
    pipeline.end(name, "")
    assert pipeline.run() == ALL[1:]
    assert pipeline.published == FRESH.replace("features:first", "features:second")


def test_a_build_with_the_log_of_a_killed_stage_is_thrown_away(pipeline: Pipeline) -> None:
    pipeline.change("features", "second")
    pipeline.end("validate", "1")
    with pytest.raises(StageFailedError):
        pipeline.run()
    pipeline.end("validate", "")
    pipeline.paths.build.with_name("escrow.duckdb.wal").write_text("half of validate")
    assert pipeline.run() == ALL[1:]


def test_the_log_of_a_killed_stage_does_not_meet_a_copy_of_what_is_published(
    pipeline: Pipeline,
) -> None:
    log = pipeline.paths.build.with_name("escrow.duckdb.wal")
    log.write_text("half of train")
    pipeline.change("ml", "second")
    assert pipeline.run() == ALL[3:]
    assert not log.exists()


def test_a_build_on_another_history_than_the_published_one_is_thrown_away(
    pipeline: Pipeline,
) -> None:
    pipeline.change("features", "second")
    pipeline.end("validate", "1")
    with pytest.raises(StageFailedError):
        pipeline.run()
    pipeline.end("validate", "")
    pipeline.paths.published.write_text("a file from a backup")
    assert pipeline.run() == ALL[1:]


def test_a_refusal_leaves_with_1_and_is_asked_again(pipeline: Pipeline) -> None:
    pipeline.change("features", "second")
    pipeline.end("validate", "1")
    for _ in range(2):
        with pytest.raises(StageFailedError) as failed:
            pipeline.run()
        assert failed.value.code == 1
        assert "the published warehouse is as it was" in str(failed.value)
        assert pipeline.published == FRESH
    pipeline.end("validate", "")
    assert pipeline.run() == ALL[2:]


@pytest.mark.parametrize("ending", ["", "2", "kill"])
def test_a_refused_validation_is_shown_and_leaves_with_1_whatever_showing_does(
    pipeline: Pipeline, ending: str
) -> None:
    shown = pipeline.folder / "shown"
    pipeline.change("validate", "second")
    pipeline.end("validate", "1")
    pipeline.end("shown", ending)
    with pytest.raises(StageFailedError) as failed:
        pipeline.run()
    assert shown.read_text() == "shown:first;"
    assert failed.value.code == 1
    assert str(failed.value).startswith("validate refused: ")
    assert pipeline.published == FRESH


def test_only_a_refusal_is_shown(pipeline: Pipeline) -> None:
    pipeline.change("validate", "second")
    pipeline.end("validate", "2")
    with pytest.raises(StageFailedError):
        pipeline.run()
    pipeline.end("validate", "")
    assert pipeline.run() == ALL[1:]
    assert not (pipeline.folder / "shown").exists()


@pytest.mark.parametrize(("ending", "code"), [("2", 2), ("70", 70), ("5", 70)])
def test_other_endings_keep_their_meaning(pipeline: Pipeline, ending: str, code: int) -> None:
    pipeline.change("ml", "second")
    pipeline.end("ml", ending)
    with pytest.raises(StageFailedError) as failed:
        pipeline.run()
    assert failed.value.code == code
    assert pipeline.published == FRESH


def test_a_failed_unit_is_published_without_and_tried_again(pipeline: Pipeline) -> None:
    pipeline.change("ml", "second")
    pipeline.end("ml", "3")
    assert pipeline.run() == ALL[3:]
    assert pipeline.code == 3
    assert pipeline.run() == ALL[3:]
    pipeline.end("ml", "")
    assert pipeline.run() == ALL[3:]
    assert pipeline.code == 0
    assert pipeline.run() == []


@pytest.mark.parametrize(
    "text",
    [
        "{half",
        "[]",
        '{"files": [], "database": {"stages": {}}}',
        '{"files": {"land": {"reads": 5, "writes": 5, "run_id": ""}}, "database": {"stages": {}}}',
    ],
)
def test_an_unreadable_state_means_that_all_is_made_again(pipeline: Pipeline, text: str) -> None:
    pipeline.paths.state.write_text(text)
    assert pipeline.run() == ALL
    assert pipeline.published == FRESH
