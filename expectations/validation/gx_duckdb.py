"""Great Expectations inside a DuckDB file, read-only."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb_engine
import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.interfaces import Batch
from sqlalchemy import URL, event
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

# More than any result that is looked at: aggregates are one row, failing rows are sampled.
BUFFERED_ROWS = 1_000
_LIMIT = re.compile(r"\s+LIMIT (\$\d+)\s*$")
# it tells of its folders at a level of its own, wherever the process that it runs in shows messages
logging.getLogger("great_expectations").propagate = False


@contextmanager
def duckdb_batches(database: Path) -> Iterator[Callable[[str], Batch]]:
    """Gives a function from `schema.table` to its batch; the file is free again afterwards."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # Named by its class so that it is imported before Great Expectations: the other way round,
    # DuckDB's binding fills the screen with complaints about leaks when Python shuts down.
    url = URL.create(
        duckdb_engine.Dialect.name, database=str(database), query={"access_mode": "read_only"}
    )
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string=url.render_as_string(),
        create_temp_table=False,
    )
    engine = source.get_execution_engine()
    event.listen(engine.engine, "before_cursor_execute", _order_sample, retval=True)
    event.listen(engine.engine, "after_cursor_execute", _buffer_result)

    def open_batch(table: str) -> Batch:
        # An asset of type "table" is described through Postgres catalog queries, which lose
        # the schema on DuckDB; a query does not.
        asset = source.add_query_asset(table, query=f"select * from {table}")
        return asset.add_batch_definition_whole_table("whole").get_batch()

    try:
        yield open_batch
    finally:
        engine.close()
        source.get_engine().dispose()


def _order_sample(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    """Sample the first failing rows by their key: a table's rows lie in another order each run."""
    return _LIMIT.sub(r" ORDER BY ALL LIMIT \1", statement), parameters


def _buffer_result(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    """Fetch at execution: results are read after a commit, and DuckDB then returns nothing."""
    if cursor.description:
        rows = deque(cursor.fetchmany(BUFFERED_ROWS))
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
            cursor, initial_buffer=rows
        )
