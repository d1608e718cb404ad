"""The same project on Spark: equal tables, also on a cluster that loses a worker on the way."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.journeys.clone import Clone
from tests.journeys.warehouses import Warehouse, state, wait_for

has_java = bool(shutil.which("java") or os.environ.get("JAVA_HOME"))
pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(
        not (has_java and find_spec("pyspark")), reason="needs Java and `make setup TARGET=spark`"
    ),
]


class Build(Warehouse):
    """A warehouse of which the build is looked at; nothing of it is published."""

    @property
    def published(self) -> Path:
        return self.root / "build" / "escrow.duckdb"


def reach(warehouse: Warehouse, *arguments: str) -> tuple[int, str]:
    """Reaches a goal as a scheduler does; returns exit code and output."""
    process = warehouse.schedule(*arguments)
    output, _ = process.communicate()
    return process.returncode, output


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """What DuckDB publishes of the default platform."""
    warehouse = Warehouse(Clone(tmp_path_factory.mktemp("clone")), "duckdb")
    code, output = reach(warehouse, "publish")
    assert code == 0, output
    return warehouse


def test_every_table_is_equal(on_duckdb: Warehouse) -> None:
    """The folder's name has a space, which paths of Spark and Derby have to bear."""
    on_spark = Warehouse(on_duckdb, "on spark")
    code, output = reach(on_spark, "publish", "TARGET=spark")
    assert code == 0, output
    assert len(output.splitlines()) < 80, output  # Spark's own warnings are not shown
    expected = state(on_duckdb)
    assert len(expected) > 25
    assert state(on_spark) == expected


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A standalone master and two workers; yields its address and the workers."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    program = str(home / "bin" / "spark-class")

    def start(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "cluster.log").open("ab") as log:
            return subprocess.Popen(
                [program, f"org.apache.spark.deploy.{kind}", "--host", "127.0.0.1", *arguments],
                env={**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"},
                stdout=log,
                stderr=log,
            )

    processes = [start("master.Master", "--port", str(port), "--webui-port", "0")]
    try:
        wait_until_open(port, processes[0])
        for name in ("first", "second"):
            limits = ("--cores", "1", "--memory", "1g", "--webui-port", "0")
            processes.append(
                start("worker.Worker", *limits, "--work-dir", str(tmp_path / name), address)
            )
        yield address, processes[1:]
    finally:
        for each in processes:
            each.kill()
            each.wait()


def wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when a process listens there; fails if it has ended."""
    with socket.socket() as client:
        while client.connect_ex(("127.0.0.1", port)):
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended with {process.wait(timeout=0.1)}")


def test_a_lost_worker_changes_no_table(
    on_duckdb: Warehouse, cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, (first, _) = cluster
    on_cluster = Build(on_duckdb, "cluster")
    process = on_cluster.schedule("features", "TARGET=spark", f"SPARK_MASTER={address}")
    tables = on_cluster.root / "build" / "spark" / "tables" / "core.db"

    def has_worked(_: int) -> bool:  # a worker may join the cluster later than the run begins
        return tables.is_dir() and any((tmp_path / "first").glob("app-*/*/stderr"))

    wait_for(process, has_worked)
    first.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    expected = state(on_duckdb)
    built = {table: rows for table, rows in expected.items() if not table.startswith("insights.")}
    assert state(on_cluster) == built


def test_a_master_that_does_not_answer_is_named_before_anything_is_done(
    on_duckdb: Warehouse,
) -> None:
    nowhere = Warehouse(on_duckdb, "nowhere")
    code, output = reach(nowhere, "run", "TARGET=spark", "SPARK_MASTER=spark://127.0.0.1:9")
    assert code == 2
    assert "SPARK_MASTER=spark://127.0.0.1:9 does not answer (" in output
    assert len(output.splitlines()) == 1
    assert not nowhere.root.exists()
