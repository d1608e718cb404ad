"""The variables of a run: one table of them, read in one place."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import CallError

CHOICES = {
    "ON_BAD_ROWS": ("reject", "quarantine"),
    "TARGET": ("duckdb", "spark"),
    "FAIL_ON_ALERT": ("0", "1"),
}
DEFAULTS = {
    "SCALE": "1",
    "SEED": "42",
    "SCENARIO": "steady",
    "DATA": "",
    "TRUTH": "",
    "AS_OF": "",
    "ON_BAD_ROWS": "reject",
    "TARGET": "duckdb",
    "SPARK_MASTER": "local[2]",
    "DUCKDB_MEMORY": "80%",
    "FAIL_ON_ALERT": "0",
    "WAREHOUSE": "warehouse",
    "SITE": "site",
    "FROM": "",
    "TO": "",
    "EVERY": "1mo",
}
# small platforms as CSV, the format in which real exports come
CSV_BELOW_SCALE = 10
MAX_DIGITS = 18
# amounts with a unit and whole per cent; DuckDB takes "-1" and "none" for no bound at all
MEMORY = re.compile(
    r"(?=.*[1-9])([0-9]{1,6}(\.[0-9]{1,3})?[KMGT]i?B|[0-9]{1,2}%|100%)", re.IGNORECASE
)
# dbt reads a path as a URL (and would write another file), a template and a part of its SQL
NOT_IN_WAREHOUSE = "#?'{\n\r\t"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for; see DEFAULTS for the names."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The value of a variable."""
        return self.values[name]

    @property
    def platform(self) -> str:
        """Names the generated platform: one folder each."""
        return f"{self['SCENARIO']}-{self['SCALE']}-{self['SEED']}"

    @property
    def file_format(self) -> str:
        """The format of the generated platform."""
        return "csv" if int(self["SCALE"]) < CSV_BELOW_SCALE else "parquet"

    def changed(self, **values: str) -> "Settings":
        """The same settings with other values."""
        return Settings({**self.values, **values})


def read(assignments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads `NAME=value` arguments, and the environment for what they do not name.

    Raises:
        CallError: A name is unknown, or a value is not one of those allowed.
    """
    given: dict[str, str] = {}
    for each in assignments:
        name, _, value = each.partition("=")
        if name not in DEFAULTS:
            close = get_close_matches(name.upper(), DEFAULTS, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise CallError(
                f"{each}: unknown variable {name}{hint} Variables: {', '.join(DEFAULTS)}"
            )
        given[name] = value
    values = {
        name: given.get(name, environment.get(name, "")).strip() or default
        for name, default in DEFAULTS.items()
    }
    for name, choices in CHOICES.items():
        if values[name] not in choices:
            raise CallError(f"{name}={values[name]} is not known; it is {' or '.join(choices)}")
    for name, least in (("SCALE", 1), ("SEED", 0)):
        is_number = values[name].isascii() and values[name].isdigit()
        if not is_number or int(values[name][:MAX_DIGITS]) < least:
            raise CallError(f"{name}={values[name]} is not a whole number of {least} or more")
        if len(values[name]) > MAX_DIGITS:
            raise CallError(f"{name} has {len(values[name])} digits; at most {MAX_DIGITS} are read")
        values[name] = str(int(values[name]))
    if not MEMORY.fullmatch(values["DUCKDB_MEMORY"]):
        raise CallError(
            f"DUCKDB_MEMORY={values['DUCKDB_MEMORY']} is no amount of memory, such as 8GB or 50%"
        )
    _check_folders(values)
    return Settings(values)


def _check_folders(values: Mapping[str, str]) -> None:
    for name in ("DATA", "TRUTH"):
        if values[name] and not Path(values[name]).is_dir():
            raise CallError(f"{name}={values[name]} is not a folder")
    for name in ("DATA", "TRUTH", "WAREHOUSE", "SITE"):
        if any("\udc80" <= each <= "\udcff" for each in str(Path(values[name]).resolve())):
            raise CallError(f"{name}={values[name]!a}: the path is not UTF-8; rename it")
    site = Path(values["SITE"]).resolve()
    nearest = next(each for each in (site, *site.parents) if each.exists())
    if not nearest.is_dir():
        raise CallError(f"SITE={values['SITE']} cannot be a folder: {nearest} is a file")
    where = str(Path(values["WAREHOUSE"]).resolve())
    refused = NOT_IN_WAREHOUSE + (";" if values["TARGET"] == "spark" else "")
    if found := [each for each in refused if each in where]:
        raise CallError(f"WAREHOUSE={where}: a path with {found[0]!r} cannot be used; rename it")
