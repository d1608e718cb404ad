"""Variables: what is not known is refused by name, before anything is done."""

import duckdb
import pytest

from pipeline import settings
from pipeline.errors import CallError


def test_arguments_come_before_the_environment_and_that_before_defaults() -> None:
    found = settings.read(["SEED=7"], {"SEED": "8", "SCALE": "3", "DATA": ""})
    assert (found["SEED"], found["SCALE"], found["DATA"]) == ("7", "3", "")
    assert found["WAREHOUSE"] == "warehouse"
    assert settings.read(["SEED=007"], {}).platform == settings.read(["SEED=7"], {}).platform


@pytest.mark.parametrize("amount", ["1.5GB", "8gb", "1TB", "512MiB", "0.5GiB", "7%", "100%"])
def test_an_amount_of_memory_is_one_that_duckdb_reads(amount: str) -> None:
    assert settings.read([f"DUCKDB_MEMORY={amount}"], {})["DUCKDB_MEMORY"] == amount
    with duckdb.connect(config={"memory_limit": amount}) as connection:
        limit = connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
    assert limit.endswith(("MiB", "GiB"))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("scale=2", "unknown variable scale; did you mean SCALE?"),
        ("DATAA=x", "unknown variable DATAA; did you mean DATA?"),
        ("xyz=1", "unknown variable xyz. Variables: SCALE"),
        ("SCALE=big", "SCALE=big is not a whole number"),
        ("SEED=-1", "SEED=-1 is not a whole number"),
        ("SCALE=1.5", "SCALE=1.5 is not a whole number"),
        ("ON_BAD_ROWS=perhaps", "ON_BAD_ROWS=perhaps is not known; it is reject or quarantine"),
        ("TARGET=oracle", "TARGET=oracle is not known"),
        ("DUCKDB_MEMORY=lots", "DUCKDB_MEMORY=lots is no amount of memory, such as 8GB or 50%"),
        ("DUCKDB_MEMORY=0.0GB", "DUCKDB_MEMORY=0.0GB is no amount"),
        ("DUCKDB_MEMORY=-1GB", "DUCKDB_MEMORY=-1GB is no amount"),
        ("DUCKDB_MEMORY=1\N{ARABIC-INDIC DIGIT TWO}GB", "is no amount"),
        ("DUCKDB_MEMORY=none", "DUCKDB_MEMORY=none is no amount"),
        ("DUCKDB_MEMORY=0%", "DUCKDB_MEMORY=0% is no amount"),
        ("DUCKDB_MEMORY=120%", "DUCKDB_MEMORY=120% is no amount"),
        ("DATA=no/such/folder", "DATA=no/such/folder is not a folder"),
        (f"SITE={__file__}", "test_settings.py is a file"),
        (f"SITE={__file__}/site", "test_settings.py is a file"),
        ("TRUTH=no/such/folder", "TRUTH=no/such/folder is not a folder"),
        ("FAIL_ON_ALERT=yes", "FAIL_ON_ALERT=yes is not known; it is 0 or 1"),
        (f"SEED={'9' * 5000}", "SEED has 5000 digits"),
        ("WAREHOUSE=o'brien/warehouse", 'a path with "\'" cannot be used'),
        ("SITE=caf\udce9", r"SITE='caf\udce9': the path is not UTF-8"),
        ("WAREHOUSE=ware#house", "a path with '#' cannot be used"),
    ],
)
def test_what_is_not_known_is_refused_by_name(assignment: str, message: str) -> None:
    with pytest.raises(CallError) as refused:
        settings.read([assignment], {})
    assert message in str(refused.value)
    assert refused.value.code == 2


def test_a_path_with_a_semicolon_is_refused_on_spark_alone() -> None:
    path = "WAREHOUSE=ware;house"
    assert settings.read([path], {})["WAREHOUSE"] == "ware;house"
    with pytest.raises(CallError, match="a path with ';' cannot be used"):
        settings.read([path, "TARGET=spark"], {})
