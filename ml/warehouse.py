"""The warehouse as ml sees it: the only module of the package that touches the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ml.errors import MlError
from ml.settings import Features, ModelSettings

BATCH_ROWS = 65_536
_SCHEMA = Path(__file__).with_name("schema.sql")
_NUMBER_TYPES = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "BOOLEAN"),
    "DECIMAL",
)

# One row per labelled entity. `closed_at` ends its label window: by then the outcome of every peer
# with the same plan is known too. Counting from `outcome_known_at` instead would favour whatever
# is known early: cancellations among projects, approvals among milestones.
_LABELLED = {
    "project": """
        select
            labels.project_id as entity_id,
            labels.project_id,
            projects.launched_at,
            labels.outcome_known_at,
            greatest(labels.outcome_known_at, projects.deadline_at) as closed_at,
            labels.{label} as label
        from features.project_labels as labels
        inner join core.dim_projects as projects on labels.project_id = projects.project_id""",
    "milestone": """
        select
            labels.milestone_id as entity_id,
            milestones.project_id,
            projects.launched_at,
            labels.outcome_known_at,
            greatest(labels.outcome_known_at, milestones.due_at + interval 14 day) as closed_at,
            labels.{label} as label
        from features.milestone_labels as labels
        inner join core.fct_milestones as milestones
            on labels.milestone_id = milestones.milestone_id
        inner join core.dim_projects as projects on milestones.project_id = projects.project_id""",
}


class WarehouseError(MlError):
    """The warehouse is missing, busy, or lacks what ml reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One row of `ml.model_runs`; times are UTC without a zone."""

    run_id: str
    model_name: str
    model_version: str | None
    status: str
    reason: str | None
    estimator: str
    train_entity_count: int
    test_entity_count: int
    train_row_count: int
    test_row_count: int
    train_from_at: datetime | None
    cutoff_at: datetime | None
    as_of: datetime
    data_fingerprint: str
    config_fingerprint: str
    code_fingerprint: str
    artifact_path: str | None
    artifact_sha256: str | None
    trained_at: datetime


class Warehouse:
    """Reads features and labels as Arrow batches, adds rows to the tables of schema `ml`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Takes an open connection; `open_warehouse` is the usual way in."""
        self._connection = connection

    def as_of(self) -> datetime:
        """Returns the moment the warehouse was built for."""
        rows = self.fetch("select as_of from core.warehouse_as_of")
        if not rows:
            raise WarehouseError("core.warehouse_as_of is empty: build the features again")
        moment: datetime = rows[0][0]
        return moment

    def check_inputs(self, model: ModelSettings, features: Features) -> None:
        """Makes sure that every table and column the model reads is there and of its kind.

        Raises:
            WarehouseError: The message names the table, the column and the model.
        """
        key = f"{model.entity}_id"
        self._require("core.warehouse_as_of", "as_of")
        self._require("core.dim_projects", "project_id", "launched_at", "deadline_at")
        if model.entity == "milestone":
            self._require("core.fct_milestones", "milestone_id", "project_id", "due_at")
        table = f"features.{model.entity}_labels"
        types = self._require(table, key, "outcome_known_at", model.label)
        _require_kind(table, model.label, types[model.label], ("BOOLEAN",), "true or false", model)
        table = f"features.{model.entity}_features"
        keys = (key, "project_id", "snapshot_kind", "snapshot_at", "is_decided")
        types = self._require(table, *keys, *features.names, needed_by=model.name)
        for name in features.numeric:
            _require_kind(table, name, types[name], _NUMBER_TYPES, "a number", model)
        for name in features.categorical:
            _require_kind(table, name, types[name], ("VARCHAR",), "text", model)

    def _require(self, table: str, *columns: str, needed_by: str = "ml") -> dict[str, str]:
        rows = self.fetch(
            "select column_name, data_type from information_schema.columns"
            " where table_schema || '.' || table_name = $table",
            table=table,
        )
        if not rows:
            raise WarehouseError(f"the warehouse has no table {table}: build the features first")
        types = dict(rows)
        for column in columns:
            if column not in types:
                raise WarehouseError(
                    f"{table} has no column {column!r}, which {needed_by} reads:"
                    " build the features again or correct models.toml"
                )
        return types

    def column_types(self, model: ModelSettings) -> dict[str, str]:
        """Returns the types that the model's features have in the warehouse."""
        types = self._require(f"features.{model.entity}_features")
        return {name: types[name] for name in model.features.names}

    def cutoff(self, model: ModelSettings) -> datetime | None:
        """Returns the cut: the launch by which `train_share` of the labelled entities had begun."""
        share = model.split.train_share
        rows = self.fetch(
            f"with {_cohort(model)} select percentile_disc({share!r})"
            " within group (order by launched_at) from cohort"
        )
        cut: datetime | None = rows[0][0]
        return cut

    def labelled_rows(self, model: ModelSettings) -> pa.RecordBatchReader:
        """Streams every snapshot with a mature label, whichever side of the cut it lies on."""
        return self.read(_labelled_sql(model, "true"))

    def training_rows(self, model: ModelSettings, cutoff: datetime) -> pa.Table:
        """Reads undecided snapshots of entities whose label window had closed by the cut.

        At most `max_train_projects` projects, chosen by a hash of their id, come with all their
        rows. Sorted by key: the same data give the same order of rows.
        """
        split = model.split
        sampled = f"""cohort.project_id in (
            select project_id
            from (select distinct project_id from cohort where closed_at <= $cutoff) as projects
            order by md5(cast(project_id as varchar) || '/{model.seed}')
            limit {split.max_train_projects})"""
        where = f"cohort.closed_at <= $cutoff and not features.is_decided and {sampled}"
        return self.read(_labelled_sql(model, where), cutoff=cutoff).read_all()

    def test_rows(self, model: ModelSettings, cutoff: datetime) -> pa.RecordBatchReader:
        """Streams the labelled snapshots of projects that were launched after the cut."""
        where = "cohort.launched_at > $cutoff"
        return self.read(_labelled_sql(model, where), cutoff=cutoff)

    def rows_to_predict(
        self, model: ModelSettings, features: Features, version: str, cutoff: datetime
    ) -> pa.RecordBatchReader:
        """Streams what the model version has yet to predict.

        That is: everything live, and the snapshots of projects launched after the cut.
        """
        identity = (
            f"md5($version || '/' || cast(features.{model.entity}_id as varchar) || '/'"
            " || features.snapshot_kind || '/' || cast(epoch_us(features.snapshot_at) as varchar))"
        )
        sql = f"""
            select
                {identity} as prediction_id,
                features.{model.entity}_id as entity_id,
                features.snapshot_at,
                features.snapshot_kind,
                features.is_decided,
                {_feature_columns(features)}
            from features.{model.entity}_features as features
            inner join core.dim_projects as projects on features.project_id = projects.project_id
            where (features.snapshot_kind = 'current' or projects.launched_at > $cutoff)
                and {identity} not in (
                    select prediction_id from ml.predictions where model_version = $version)
            order by entity_id, snapshot_at, snapshot_kind"""
        return self.read(sql, version=version, cutoff=cutoff)

    def newest_run(self, model_name: str, *, version: str | None = None) -> ModelRun | None:
        """Returns the newest row of the model, or of one of its versions."""
        rows = self.fetch(
            f"select {', '.join(ModelRun.__slots__)} from ml.model_runs where model_name = $name"
            " and ($version is null or model_version = $version)"
            " order by trained_at desc, run_id desc limit 1",
            name=model_name,
            version=version,
        )
        return ModelRun(**dict(zip(ModelRun.__slots__, rows[0], strict=True))) if rows else None

    def add_run(self, run: ModelRun) -> None:
        """Adds one row to `ml.model_runs`."""
        self.add("model_runs", pa.Table.from_pylist([asdict(run)]))

    def add(self, table: str, rows: pa.Table, *, key: tuple[str, ...] = ()) -> int:
        """Adds the rows whose key is not there yet; NULL equals NULL. Returns how many."""
        same = " and ".join(f"present.{name} is not distinct from incoming.{name}" for name in key)
        known = f"anti join ml.{table} as present on {same}" if key else ""
        self._connection.register("incoming", rows)
        try:
            [(added,)] = self.fetch(
                f"insert into ml.{table} by name select incoming.* from incoming {known}"
            )
        finally:
            self._connection.unregister("incoming")
        return int(added)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps all that is added inside, or nothing of it."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def fetch(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answers a small question: all rows at once, since an unfinished result would block."""
        return self._connection.execute(sql, parameters or None).fetchall()

    def read(self, sql: str, **parameters: Any) -> pa.RecordBatchReader:
        """Streams a large answer; rows can be added to the warehouse while it is being read."""
        relation = self._connection.cursor().sql(sql, params=parameters or None)
        return relation.to_arrow_reader(BATCH_ROWS)


@contextmanager
def open_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for writing and makes sure that the tables of `ml` exist.

    Raises:
        WarehouseError: There is no such file, or it cannot be opened.
    """
    with _connect(path) as connection:
        connection.execute(_SCHEMA.read_text(encoding="utf-8"))
        yield Warehouse(connection)


@contextmanager
def read_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for reading, beside any number of other readers.

    Raises:
        WarehouseError: There is no such file, or it cannot be opened.
    """
    with _connect(path, read_only=True) as connection:
        yield Warehouse(connection)


def _connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    if not path.is_file():
        raise WarehouseError(f"there is no warehouse at {path}: make run")
    config: dict[str, Any] = {} if read_only else {"storage_compatibility_version": "v1.5.0"}
    try:
        return duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise WarehouseError(f"cannot open {path}: {str(error).splitlines()[0]}") from error


def _cohort(model: ModelSettings) -> str:
    labelled = _LABELLED[model.entity].format(label=model.label)
    return (
        f"labelled as ({labelled}), cohort as (select * from labelled"
        " where closed_at <= (select as_of from core.warehouse_as_of))"
    )


def _labelled_sql(model: ModelSettings, where: str) -> str:
    return f"""
        with {_cohort(model)}
        select
            cohort.entity_id,
            cohort.project_id,
            cohort.launched_at,
            cohort.outcome_known_at,
            cohort.label,
            features.snapshot_kind,
            features.snapshot_at,
            features.is_decided,
            {_feature_columns(model.features)}
        from cohort
        inner join features.{model.entity}_features as features
            on cohort.entity_id = features.{model.entity}_id
        where features.snapshot_kind <> 'current' and {where}
        order by entity_id, snapshot_at, snapshot_kind"""


def _feature_columns(features: Features) -> str:
    numbers = [f"cast(features.{name} as double) as {name}" for name in features.numeric]
    return ", ".join([*numbers, *(f"features.{name}" for name in features.categorical)])


def _require_kind(
    table: str, column: str, found: str, wanted: tuple[str, ...], words: str, model: ModelSettings
) -> None:
    if not found.startswith(wanted):
        raise WarehouseError(
            f"{table}.{column} is of type {found}; {model.name} needs {words} there:"
            " build the features again or correct models.toml"
        )
