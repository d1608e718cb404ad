"""The same project on Spark: equal tables, also on a cluster that loses a worker on the way."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from pipeline.paths import SPARK_CONF
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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def start(folder: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a program of Spark in a folder, where its log is."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    with (folder / "spark.log").open("ab") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"org.apache.spark.{program}", *arguments],
            cwd=folder,
            env={
                **os.environ,
                "SPARK_HOME": str(home),
                "SPARK_CONF_DIR": str(SPARK_CONF),
                "SPARK_DAEMON_MEMORY": "1g",
            },
            stdout=log,
            stderr=log,
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A standalone master and two workers; yields its address and the workers."""
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", "--webui-port", "0")
    processes = [start(tmp_path, "deploy.master.Master", *here, "--port", str(port))]
    try:
        wait_until_open(port, processes[0])
        for name in ("first", "second"):
            limits = ("--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / name))
            processes.append(start(tmp_path, "deploy.worker.Worker", *here, *limits, address))
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


@pytest.fixture
def thrift_server(tmp_path: Path) -> Iterator[int]:
    """A Thrift server of Spark that keeps its tables in a folder `tables`; yields its port."""
    port = free_port()
    settings = {
        "spark.sql.warehouse.dir": tmp_path / "tables",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:;databaseName=db;create=true",
    }
    server = start(
        tmp_path,
        "deploy.SparkSubmit",
        *(f"--conf={name}={value}" for name, value in settings.items()),
        "--class=org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
        "spark-internal",
        *("--hiveconf", f"hive.server2.thrift.port={port}"),
    )
    try:
        wait_until_open(port, server)
        yield port
    finally:
        server.kill()
        server.wait()


def test_dbt_builds_equal_tables_through_a_thrift_server(
    on_duckdb: Warehouse, thrift_server: int, tmp_path: Path
) -> None:
    over_thrift = Build(on_duckdb, "thrift")
    code, output = reach(over_thrift, "land", "TARGET=spark")
    assert code == 0, output
    dbt = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *("build", "--target=spark_thrift", "--selector=before_ml", "--quiet"),
            "--exclude-resource-type=unit_test",
        ],
        cwd=on_duckdb.folder / "dbt_project",
        env={
            **on_duckdb.environment,
            "ESCROW_LANDED": "../thrift/landed",
            "SPARK_THRIFT_PORT": str(thrift_server),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert dbt.returncode == 0, dbt.stdout
    with duckdb.connect(str(over_thrift.published)) as con:
        for schema in ("core", "features"):
            con.execute(f"create schema {schema}")
            for table in (tmp_path / "tables" / f"{schema}.db").iterdir():
                con.execute(f"create table {schema}.{table.name} as from '{table}/*.parquet'")
    views = {"core.backer_balances"}
    expected = {
        table: rows
        for table, rows in state(on_duckdb).items()
        if not table.startswith("insights.") and table not in views
    }
    assert state(over_thrift) == expected
