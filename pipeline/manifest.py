"""dbt's manifest, and what it says of tests: which table each is about, and the keys they prove."""

import gc
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# dbt makes a line of each of thousands of debug events for a log, whether or not it is shown
QUIET = ("--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "none")

# part of a page of Java, when no master of Spark takes the application or the last one is lost
LOST_MASTER = "stopped SparkContext"


def invoke(target: str, *arguments: str) -> Any:
    """Invokes dbt for a target; returns its result, of the parse if that failed."""
    parsed = parse(target)
    if not parsed.success:
        return parsed
    done = _runner(parsed.result).invoke([*arguments, *_options(target)])
    _close_database()
    return done


@cache
def parse(target: str) -> Any:
    """Parses the project once for all stages that share a process; returns dbt's result.

    Nearly all that it makes lives as long as the process, so nothing is gained by looking for
    garbage among it, and half a second of CPU lost.
    """
    gc.disable()
    try:
        return _runner().invoke([*QUIET, "--no-write-json", "parse", *_options(target)])
    finally:
        gc.freeze()
        gc.enable()


def target_path(target: str) -> Path:
    """Where dbt compiles: compiled SQL is of one dialect, so each target has its own folder."""
    if target == "spark":
        return Path(os.environ["ESCROW_SPARK"]) / "dbt"
    return Path(os.environ["DBT_TARGET_PATH"])


def _options(target: str) -> tuple[str, ...]:
    return ("--target", target, "--target-path", str(target_path(target)))


def _runner(manifest: Any = None) -> Any:
    """Returns what invokes dbt; it shows errors only."""
    from dbt.cli.main import dbtRunner

    _spare_messages()
    return dbtRunner(manifest, callbacks=[_show_error])


@cache
def _spare_messages() -> None:
    """Keeps dbt from making what nobody reads: a message of each of thousands of debug events.

    For its flags of behaviour it looks up the source of all calls, to say who defined them.
    """
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    class WarningsAndErrors(EventManager):
        def fire_event(
            self, e: Any, level: EventLevel | None = None, *args: Any, **kwargs: Any
        ) -> None:
            if (level or e.level_tag()) in (EventLevel.WARN, EventLevel.ERROR):
                super().fire_event(e, level, *args, **kwargs)

    ctx_set_event_manager(WarningsAndErrors())
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")  # type: ignore[method-assign]


def _close_database() -> None:
    """Ends what dbt keeps open for its next invocation: other stages open the file otherwise."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    connections: Any = DuckDBConnectionManager
    if connections._ENV:
        connections._ENV.close()
        connections.close_all_connections()


def _show_error(event: Any) -> None:
    if event.info.level == "error" and LOST_MASTER not in event.info.msg:
        print(event.info.msg, file=sys.stderr, flush=True)


class DbtTest(NamedTuple):
    """One data test of the dbt project.

    Attributes:
        name: Its type with what it compares, or the name of its file.
        table: The `schema.table` that it is about; None if it compares several.
        column: The column that it is about, if one.
        severity: `error` or `warn`.
        key: The columns that it proves to be unique together; empty if it proves none.
    """

    name: str
    table: str | None
    column: str | None
    severity: str
    key: tuple[str, ...] = ()


def read_tests(manifest: Path) -> dict[str, DbtTest]:
    """The data tests of the project by dbt's id.

    Raises:
        OSError: There is no manifest.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    nodes = content["nodes"] | content["sources"]
    return {
        name: _test(node, nodes)
        for name, node in content["nodes"].items()
        if node["resource_type"] == "test"
    }


def keys(manifest: Path) -> dict[str, tuple[str, ...]]:
    """The columns that tests prove to be unique together, by `schema.table`."""
    return {
        each.table: each.key for each in read_tests(manifest).values() if each.table and each.key
    }


def _test(node: dict[str, Any], nodes: dict[str, Any]) -> DbtTest:
    severity = node["config"]["severity"].lower()
    about = node["depends_on"]["nodes"]
    generic = node.get("test_metadata")
    if generic:
        about = [node["attached_node"] or about[-1]]
    tables = [f"{nodes[each]['schema']}.{nodes[each]['name']}" for each in about]
    table = tables[0] if len(tables) == 1 else None
    if not generic:
        return DbtTest(node["name"], table, None, severity)
    arguments, kind = generic["kwargs"], generic["name"]
    column = arguments.get("column_name")
    if "columns" in arguments:
        columns = tuple(arguments["columns"])
        return DbtTest(f"{kind} ({', '.join(columns)})", table, None, severity, columns)
    if kind == "relationships":
        other = arguments["to"].split("'")[1]
        kind = f"{kind} to {other}.{arguments['field']}"
    return DbtTest(kind, table, column, severity, (column,) if kind == "unique" else ())
