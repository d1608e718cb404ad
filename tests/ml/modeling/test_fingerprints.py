"""Fingerprints: of the content, whatever the order of rows."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ml.modeling import fingerprints
from ml.warehouse import Warehouse

ROWS = pa.table(
    {
        "key": [1, 2, 3, 4],
        "text": ["ab", None, "", "c"],
        "number": [0.5, None, 0.0, 2.0],
        "is_flag": [True, None, False, True],
        "moment": pa.array([1, 2, None, 4], pa.timestamp("us")),
    }
)


def digest(rows: pa.Table | str) -> str:
    with duckdb.connect() as connection:
        return fingerprints.of_rows(Warehouse(connection), rows)


def test_the_order_of_rows_does_not_matter() -> None:
    assert digest(ROWS.take([3, 1, 0, 2])) == digest(ROWS)


def test_a_query_has_the_digest_of_its_answer() -> None:
    rows = pa.table({"key": [1, 2], "text": ["a", None]})
    assert digest("from (values (1::bigint, 'a'), (2, null)) as given(key, text)") == digest(rows)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("key", [1, 2, 3, 5]),
        ("text", ["a", "b", "", "c"]),
        ("text", ["ab", "", "", "c"]),
        ("text", ["a", None, "b", "c"]),
        ("number", [0.5, 0.0, 0.0, 2.0]),
        ("is_flag", [True, False, False, True]),
    ],
)
def test_any_other_value_does(column: str, values: list[object]) -> None:
    place = ROWS.schema.get_field_index(column)
    other = ROWS.set_column(place, column, pa.array(values, ROWS.schema.field(column).type))
    assert digest(other) != digest(ROWS)


def test_names_and_types_matter() -> None:
    assert digest(ROWS.rename_columns(["id", *ROWS.column_names[1:]])) != digest(ROWS)
    as_int = ROWS.set_column(0, "key", ROWS.column("key").cast(pa.int32()))
    assert digest(as_int) != digest(ROWS)
    assert digest(pa.concat_tables([ROWS, ROWS])) != digest(ROWS)


def test_two_rows_that_swap_a_value_are_other_rows() -> None:
    swapped = ROWS.set_column(2, "number", pa.array([2.0, None, 0.0, 0.5]))
    assert digest(swapped) != digest(ROWS)


def test_a_changed_module_changes_the_code_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("a = 1\n")
    before = fingerprints.of_code(tmp_path)
    (tmp_path / "module.py").write_text("a = 2\n")
    assert fingerprints.of_code(tmp_path) != before


def test_the_version_follows_from_all_parts() -> None:
    versions = {
        fingerprints.model_version(*parts)
        for parts in (
            ("m", "d", "s", "c"),
            ("n", "d", "s", "c"),
            ("m", "e", "s", "c"),
            ("m", "d", "t", "c"),
            ("m", "d", "s", "k"),
        )
    }
    assert len(versions) == 5
    assert all(len(version) == 12 for version in versions)
