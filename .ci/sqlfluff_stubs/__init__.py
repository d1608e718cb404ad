"""What dbt gives a macro at compile time, as far as the SQL linter must know it."""

from pathlib import Path

import yaml


def env_var(name: str, default: str = "2024-01-01") -> str:
    """Stands for dbt's `env_var`."""
    return default


class adapter:
    """Stands for dbt's `adapter`: a dispatched macro becomes a call of its own name."""

    @staticmethod
    def dispatch(name: str, package: str):
        """Returns a function that writes the call as SQL."""
        return lambda *arguments: f"{name}({', '.join(map(str, arguments))})"


def parquet_tables() -> list[str]:
    """Which landed tables are Parquet: linted as if none were."""
    return []


def var(name: str) -> object:
    """Stands for dbt's `var`: what dbt_project.yml declares."""
    return yaml.safe_load(Path("dbt_project/dbt_project.yml").read_text())["vars"][name]
