"""Where everything of one warehouse lies; all paths are absolute."""

import os
from dataclasses import dataclass
from pathlib import Path

from pages.registry import FOLDERS
from pipeline.errors import CallError

PROJECT = Path(__file__).resolve().parents[1]
DBT_PROJECT = PROJECT / "dbt_project"
SPARK_CONF = PROJECT / "pipeline" / "spark_conf"
# folders of a warehouse: what can be made again, and what cannot or belongs to a published file
REMADE = ("build", "landed", "generated", "truth", "rejected")
KEPT = ("raw", "models", "online", "monitoring")


def log_of(database: Path) -> Path:
    """DuckDB's log of a database: replayed into whatever file of that name is opened next."""
    return database.with_name(f"{database.name}.wal")


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one warehouse folder, and the folder of its pages."""

    root: Path
    site: Path

    @classmethod
    def at(cls, warehouse: str, site: str) -> "Paths":
        """The paths for two folders, whether or not they are there yet."""
        return cls(Path(warehouse).resolve(), Path(site).resolve())

    def check(self) -> None:
        """Keeps pages apart from the warehouse, which has folders of the same names.

        Raises:
            CallError: The site is the warehouse or lies in one of its folders, or the warehouse
                lies where pages are written.
        """
        if (
            self.site == self.root
            or any(self.site.is_relative_to(self.root / each) for each in (*REMADE, *KEPT))
            or any(self.root.is_relative_to(self.site / each) for each in FOLDERS)
        ):
            raise CallError(
                f"SITE={self.site} and WAREHOUSE={self.root}: pages would lie among the files of"
                " the warehouse; name another folder for one of them"
            )

    @property
    def published(self) -> Path:
        """What people read."""
        return self.root / "escrow.duckdb"

    @property
    def landed(self) -> Path:
        """What landing accepted: seeds, quarantined rows, and `landed.json`, which lists them."""
        return self.root / "landed"

    @property
    def raw(self) -> Path:
        """Large landed tables, one folder per content."""
        return self.root / "raw"

    @property
    def models(self) -> Path:
        """Model files, one folder per version."""
        return self.root / "models"

    @property
    def online(self) -> Path:
        """The log of online predictions."""
        return self.root / "online"

    @property
    def monitoring(self) -> Path:
        """The log of model performance, one line per measurement."""
        return self.root / "monitoring" / "model_performance.jsonl"

    @property
    def run_log(self) -> Path:
        """One line when a run begins, one when it ends."""
        return self.root / "runs.jsonl"

    @property
    def build_folder(self) -> Path:
        """Working area: whatever lies here can be made again."""
        return self.root / "build"

    @property
    def build(self) -> Path:
        """The database of the present run; its stem is the catalog's name inside views."""
        return self.build_folder / "escrow.duckdb"

    @property
    def another_platform(self) -> Path:
        """Stands when the build is of another platform than the published file."""
        return self.build_folder / "another_platform"

    @property
    def state(self) -> Path:
        """Which stages are done, and what they were done from."""
        return self.build_folder / "state.json"

    @property
    def digests(self) -> Path:
        """Digests of files that have not changed since they were read."""
        return self.build_folder / "digests.json"

    @property
    def dbt_target(self) -> Path:
        """Where dbt compiles; compiled SQL names the database, so each warehouse has its own.

        dbt writes the SQL of a seed below `run/<project>`, at the seed's path in the project. That
        begins with `../` as often as the two folders lie apart: so many folders are put between,
        or the SQL would lie outside this one, at worst in the place of the landed file itself.
        """
        up = Path(self.landed_for_dbt).parts.count("..")
        return self.build_folder.joinpath("dbt", *["compiled"] * max(0, up - 2))

    @property
    def spark(self) -> Path:
        """Tables, metastore and compiled SQL of Spark."""
        return self.build_folder / "spark"

    @property
    def dbt_docs(self) -> Path:
        """The static page of the dbt docs."""
        return self.dbt_target / "static_index.html"

    @property
    def validation_report(self) -> Path:
        """The report of the last validation."""
        return self.build_folder / "validation.json"

    @property
    def rejected(self) -> Path:
        """Reports of refused runs, one folder per run."""
        return self.root / "rejected"

    @property
    def landed_for_dbt(self) -> str:
        """The folder `landed` as dbt needs it: relative to the dbt project.

        With an absolute path dbt would overwrite the seeds.
        """
        return os.path.relpath(self.landed, DBT_PROJECT)
