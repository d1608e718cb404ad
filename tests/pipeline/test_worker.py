"""The process that the stages of a run share, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.worker import Worker

REPOSITORY = Path(__file__).resolve().parents[2]
# the second command finds what the first one left in the process, and ends as it is told
FIRST = "import json; json.left_by_the_first = True"
SECOND = """
import json, os, pathlib, signal, sys
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {hasattr(json, 'left_by_the_first')}")
ending = sys.argv[2]
if ending == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(ending))
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker that finds the two commands."""
    (tmp_path / "first.py").write_text(FIRST)
    (tmp_path / "second.py").write_text(SECOND)
    with (tmp_path / "lock").open("w") as lock:
        worker = Worker(
            folder=REPOSITORY, environment={"PYTHONPATH": str(tmp_path)}, lock=lock.fileno()
        )
        yield worker
        worker.close()


def test_stages_share_a_process_and_each_has_its_own_ending(worker: Worker, tmp_path: Path) -> None:
    found = tmp_path / "found"
    assert worker.start([["first"]]).wait() == 0
    processes = set()
    for ending in (0, 1, 3):
        assert worker.start([["second", str(found), str(ending)]]).wait() == ending
        process, has_left = found.read_text().split()
        processes.add(process)
        assert has_left == "True"
    assert len(processes) == 1
    worker.close()
    assert not Path(f"/proc/{processes.pop()}").exists()


def test_a_killed_process_is_told_and_the_next_command_gets_another(
    worker: Worker, tmp_path: Path
) -> None:
    found = tmp_path / "found"
    assert worker.start([["second", str(found), "kill"]]).wait() == -signal.SIGKILL
    killed = found.read_text().split()[0]
    assert worker.start([["second", str(found), "0"]]).wait() == 0
    assert found.read_text().split()[0] != killed


def test_a_command_can_be_waited_for_in_parts_and_killed(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("import signal; signal.pause()")
    worker.start([["long"]])
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(timeout=0.01)
    worker.kill()
    assert worker.wait() == -signal.SIGKILL


PARENT = """
import sys
from pathlib import Path
from pipeline.worker import Worker
with open("lock", "w") as lock:
    folder = {"folder": Path.cwd(), "environment": {"PYTHONPATH": sys.path[0] + ":."}}
    Worker(**folder, lock=lock.fileno()).start([["slow"]]).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends it")
def test_a_killed_pipeline_leaves_no_stage_behind(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time; print('begun', flush=True); time.sleep(10); print('went on', flush=True)"
    )
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, "-P", "parent.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        assert parent.stdout.read() == ""  # until the last process has closed it


def test_nobody_who_gives_orders_means_that_it_ends(worker: Worker, tmp_path: Path) -> None:
    """Also if the pipeline was killed, which closes no file but all of them are closed."""
    found = tmp_path / "found"
    assert worker.start([["second", str(found), "0"]]).wait() == 0
    assert worker._orders is not None
    assert worker._process is not None
    os.close(worker._orders.detach())
    assert worker._process.wait(timeout=60) == 0
    worker._orders = None
