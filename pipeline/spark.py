"""What a run needs of Spark: that it can start, and that tables get from DuckDB to it and back."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.database import connect, literal
from pipeline.errors import CallError

MIN_JAVA = 17
CONNECT_SECONDS = 5


def check(master: str) -> None:
    """Makes sure, before anything is done, that Spark can start.

    Raises:
        CallError: A package or Java is missing, or nobody answers at the master.
    """
    if not (find_spec("pyspark") and find_spec("dbt.adapters.spark")):
        raise CallError("TARGET=spark needs pyspark and dbt-spark: make setup TARGET=spark")
    if (version := _java_version()) < MIN_JAVA:
        found = f"that of the path is {version}" if version else "none was found"
        raise CallError(
            f"TARGET=spark needs Java {MIN_JAVA} or newer, {found}: apt-get install"
            " default-jre-headless, or set JAVA_HOME"
        )
    if master.startswith("spark://"):
        _require_answer(master)
    elif not re.fullmatch(r"local(\[(\*|[1-9]\d{0,3})\])?", master):
        raise CallError(
            f"SPARK_MASTER={master} is none of local[2], local[*] and spark://host:7077"
        )


def _java_version() -> int:
    """The version of the Java that Spark would start; 0 if there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = shown.stderr.partition('"')[2].split(".")[0]
    return int(number) if number.isdigit() else 0


def _require_answer(master: str) -> None:
    """A master may name several hosts, of which one is in charge."""
    problem = "it names no host and port"
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        if not (host and port.isdigit()):
            continue
        try:
            with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS):
                return
        except (OSError, OverflowError) as error:
            problem = str(error)
    raise CallError(
        f"SPARK_MASTER={master} does not answer ({problem}): start it, or name another;"
        " without one Spark runs in this process"
    )


def clear(folder: Path) -> None:
    """Removes the tables of an earlier run; in a run features come once, before Spark starts."""
    for name in ("tables", "metastore", "ml"):
        shutil.rmtree(folder / name, ignore_errors=True)


def hand_over_ml(database: Path, folder: Path) -> None:
    """Writes the tables of schema ml as Parquet, for the models that Spark builds from them."""
    shutil.rmtree(folder / "ml", ignore_errors=True)
    (folder / "ml").mkdir(parents=True)
    with closing(connect(database, read_only=True)) as con:
        tables = con.execute("select table_name from duckdb_tables() where schema_name = 'ml'")
        for (name,) in tables.fetchall():
            path = folder / "ml" / f"{name}.parquet"
            con.execute(f'copy ml."{name}" to {literal(path)} (format parquet)')


def take_over(database: Path, results: Iterable[Any], folder: Path) -> None:
    """Copies the tables that an invocation of dbt built with Spark into the build.

    What is a view there stays one: Python reads through it what it has just written.
    """
    with closing(connect(database)) as con:
        views = con.execute("select schema_name, view_name from duckdb_views()").fetchall()
        for each in results:
            node = each.node
            is_table = node.resource_type == "model" and node.config.materialized == "table"
            if is_table and (node.schema, node.name) not in views:
                files = folder / "tables" / f"{node.schema}.db" / node.name / "*.parquet"
                con.execute(f"create schema if not exists {node.schema}")
                con.execute(
                    f"create or replace table {node.schema}.{node.name} as"
                    f" from read_parquet({literal(files)})"
                )
