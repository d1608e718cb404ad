"""The layout is the architecture: who may import whom, and what every text file must not name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("generator", "expectations", "ml", "pages", "pipeline")
# All that each package takes from outside the standard library: a new entry is a decision.
MAY_IMPORT = {
    "generator": {"numpy", "pyarrow"},
    "expectations": {
        "duckdb",
        "duckdb_engine",
        "great_expectations",
        "numpy",
        "pydantic",
        "sqlalchemy",
        "yaml",
    },
    "ml": {
        "duckdb",
        "fastapi",
        "fastapi_offline",
        "h11",
        "limits",
        "numpy",
        "pandas",
        "prometheus_client",
        "pyarrow",
        "pydantic",
        "pydantic_core",
        "scipy",
        "sklearn",
        "starlette",
        "tea_tasting",
        "threadpoolctl",
        "uvicorn",
    },
    "pages": {
        *("altair", "duckdb", "itables", "jinja2", "markupsafe", "vl_convert"),
    },
    # which pages there are, to remove them: the registry is data
    "pipeline": {"dbt", "dbt_colibri", "dbt_common", "duckdb", "pages"},
}
TOUCHES_DATABASE = {
    "expectations": "warehouse.py",
    "ml": "warehouse.py",
    "pages": "published.py",
    "pipeline": "database.py",
}
MAX_LINES = 400


def imported_modules(path: Path) -> set[str]:
    """The top names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_packages_import_only_themselves_and_what_is_listed() -> None:
    for package in PACKAGES:
        found = set().union(*(imported_modules(each) for each in (ROOT / package).rglob("*.py")))
        outside = found - set(sys.stdlib_module_names) - {package}
        assert outside == MAY_IMPORT[package], package


def test_one_module_a_package_imports_the_database() -> None:
    for package, module in TOUCHES_DATABASE.items():
        importing = {
            each.name
            for each in (ROOT / package).rglob("*.py")
            if "duckdb" in imported_modules(each)
        }
        assert importing == {module}, package


def test_models_read_only_what_lies_above_them() -> None:
    """Staging reads raw, intermediate reads staging, marts what is above; nothing looks back.

    The folders `ml` of staging and intermediate say what counts of the history that Python writes
    after it has read the features; `decisions` belongs to the decision sheet of insights.
    """
    order = ["staging", "intermediate", "core", "features", "ml", "insights"]
    level = {name: place for place, name in enumerate(order)} | {"decisions": len(order) - 1}
    folders = {
        path.stem: next(part for part in reversed(path.parts) if part in level)
        for path in (ROOT / "dbt_project" / "models").rglob("*.sql")
    }
    for path in (ROOT / "dbt_project" / "models").rglob("*.sql"):
        for name in path.read_text().split("ref('")[1:]:
            read = folders[name.split("'")[0]]
            assert level[read] <= level[folders[path.stem]], (path.name, read)
            assert (read, folders[path.stem]) != ("core", "features"), path.name


def test_features_do_not_read_labels() -> None:
    for path in (ROOT / "dbt_project" / "models" / "marts" / "features").glob("*_features.sql"):
        assert "labels" not in path.read_text(), path.name


def test_no_generated_file_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    data = (".duckdb", ".parquet", ".joblib", ".csv", ".html")
    assert [name for name in listed.stdout.split() if name.endswith(data)] == []


def test_no_module_is_longer_than_400_lines() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder in (*PACKAGES, "tests", ".ci")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(lines) > 300
    long = [f"{name} has {count} lines" for name, count in lines.items() if count > MAX_LINES]
    assert long == [], f"split by subject, at most {MAX_LINES} lines each: {', '.join(long)}"


@pytest.mark.parametrize(("name", "least"), [("", 50), ("-spark", 3)])
def test_lock_pins_hashes_and_names_no_index(name: str, least: int) -> None:
    lock = (ROOT / f"requirements{name}.lock").read_text()
    requirements = [line for line in lock.splitlines() if "==" in line and line[0].isalpha()]
    assert len(requirements) > least
    assert lock.count("--hash=sha256:") >= len(requirements)
    assert "://" not in lock
