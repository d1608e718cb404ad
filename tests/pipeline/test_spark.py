"""What Spark needs is there or named, and tables get to it and back as they are."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from pipeline import spark
from pipeline.errors import CallError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with pyspark, and with a Java that `java` sets; returns the home of Java."""
    monkeypatch.setattr(spark, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    java(tmp_path, 'openjdk version "17.0.15" 2025-04-15')
    return tmp_path


def java(home: Path, version: str) -> None:
    """Puts a Java of a version there."""
    program = home / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    program.chmod(0o755)


def refusal(master: str = "local[2]") -> str:
    """What is missing, in one line."""
    with pytest.raises(CallError) as refused:
        spark.check(master)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]"])
def test_nothing_is_missing_on_a_machine_with_java_and_pyspark(machine: Path, master: str) -> None:
    spark.check(master)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("master", ["loca[2]", "local[0]", "localhost:7077", "yarn"])
def test_what_is_no_master_is_refused_before_spark_starts(master: str) -> None:
    assert f"SPARK_MASTER={master} is none of local[2]" in refusal(master)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("missing", ["pyspark", "dbt.adapters.spark"])
def test_a_missing_package_is_named_with_how_to_get_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda name: None if name == missing else object())
    assert "make setup TARGET=spark" in refusal()


def test_a_missing_java_is_named_with_how_to_get_it(machine: Path) -> None:
    (machine / "bin" / "java").unlink()
    assert "Java 17 or newer, none was found: apt-get install default-jre-headless" in refusal()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_412"])
def test_an_old_java_is_named_with_its_version(machine: Path, version: str) -> None:
    java(machine, f'openjdk version "{version}" 2019-01-15')
    assert f"that of the path is {version.split('.')[0]}: apt-get install" in refusal()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("address", ["", "localhost", "localhost:x", "localhost:99999"])
def test_a_master_without_an_address_is_refused(address: str) -> None:
    assert f"SPARK_MASTER=spark://{address} does not answer" in refusal(f"spark://{address}")


@pytest.mark.usefixtures("machine")
def test_one_of_the_masters_must_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        spark.check(f"spark://localhost:1,127.0.0.1:{port}")
    assert "Connection refused): start it" in refusal(f"spark://127.0.0.1:{port}")


def test_tables_of_an_earlier_run_go_what_dbt_compiled_stays(tmp_path: Path) -> None:
    for name in ("tables/core.db", "metastore", "ml", "dbt"):
        (tmp_path / name).mkdir(parents=True)
    spark.clear(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["dbt"]


def test_history_of_ml_is_handed_over_table_by_table(tmp_path: Path) -> None:
    database, handed = tmp_path / "build.duckdb", tmp_path / "spark" / "ml"
    with duckdb.connect(str(database)) as con:
        con.execute("create schema ml; create table ml.runs as select 1.50 as amount")
        con.execute("create table ml.empty (made_at timestamp); create table other as select 1")
    handed.mkdir(parents=True)
    (handed / "gone.parquet").touch()

    spark.hand_over_ml(database, tmp_path / "spark")

    assert {each.name for each in handed.iterdir()} == {"runs.parquet", "empty.parquet"}
    assert duckdb.execute(f"describe from '{handed}/runs.parquet'").fetchall()[0][:2] == (
        "amount",
        "DECIMAL(3,2)",
    )


def built(name: str, kind: str = "table", resource: str = "model") -> Any:
    """One result of dbt."""
    config = SimpleNamespace(materialized=kind)
    node = SimpleNamespace(resource_type=resource, schema="core", name=name, config=config)
    return SimpleNamespace(node=node)


def test_tables_that_spark_built_are_copied_and_replace_earlier_ones(tmp_path: Path) -> None:
    database, files = tmp_path / "build.duckdb", tmp_path / "spark" / "tables" / "core.db"
    (files / "pledges").mkdir(parents=True)
    for part in (1, 2):
        path = files / "pledges" / f"part-{part}.parquet"
        duckdb.execute(f"copy (select {part} as pledge_id) to '{path}' (format parquet)")
    with duckdb.connect(str(database)) as con:
        con.execute("create schema core; create table core.pledges as select 'old' as title")
        con.execute("create view core.history as select 1 as run_id")

    others = [built("history"), built("balances", "view"), built("a_test", "test", "test")]
    results = [built("pledges"), *others]
    spark.take_over(database, results, tmp_path / "spark")

    with duckdb.connect(str(database), read_only=True) as con:
        assert con.execute("select pledge_id from core.pledges order by all").fetchall() == [
            (1,),
            (2,),
        ]
        assert con.execute("from core.history").fetchall() == [(1,)]
        names = con.execute("select table_name from duckdb_tables()").fetchall()
    assert names == [("pledges",)]
