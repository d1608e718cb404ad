"""The warehouse as all stages of ml add to it."""

from pathlib import Path

import duckdb
import pyarrow as pa

from ml.warehouse import open_warehouse
from tests.ml import ml_state


def test_what_was_added_leaves_memory_before_its_transaction_ends(
    made_ml_state: None, tmp_path: Path
) -> None:
    path = tmp_path / "escrow.duckdb"
    with duckdb.connect(str(path)) as connection:
        ml_state.install(connection)
    before = pa.total_allocated_bytes()
    with open_warehouse(path) as opened, opened.transaction():
        for number in range(3):
            inputs = {"prediction_id": [str(number)], "feature_values": ["x" * 1_000_000]}
            assert opened.add("prediction_inputs", pa.table(inputs), key=("prediction_id",)) == 1
        assert pa.total_allocated_bytes() - before < 1_000_000
