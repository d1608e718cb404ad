"""The warehouse as ml sees it: the only module of the package that touches the database."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ml.errors import MlError
from ml.settings import Features, ModelSettings

BATCH_ROWS = 65_536
_CATALOG = "escrow"  # by this name the views of a published file call their tables
_KNOWN = "as_of <= (select as_of from core.warehouse_as_of)"
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
            labels.{label} as label,
            projects.pledged_amount
        from features.project_labels as labels
        inner join core.dim_projects as projects on labels.project_id = projects.project_id""",
    "milestone": """
        select
            labels.milestone_id as entity_id,
            milestones.project_id,
            projects.launched_at,
            labels.outcome_known_at,
            greatest(labels.outcome_known_at, milestones.due_at + interval 14 day) as closed_at,
            labels.{label} as label,
            milestones.due_at,
            milestones.resolved_at
        from features.milestone_labels as labels
        inner join core.fct_milestones as milestones
            on labels.milestone_id = milestones.milestone_id
        inner join core.dim_projects as projects on milestones.project_id = projects.project_id""",
}

# What a model must not know but its judge may: final totals are the outcome in disguise.
_BESIDE = {
    "project": """
            cast(null as double) as amount,
            coalesce(features.is_first_time_creator, false) as is_first_time,
            cast(cohort.pledged_amount as double) as final_pledged_amount,
            cast(cohort.pledged_amount as double) / cast(features.funding_goal as double)
                as final_funding_ratio""",
    "milestone": """
            cast(features.funding_amount as double) as amount,
            false as is_first_time,
            cast(date_diff('microsecond', cohort.due_at, cohort.resolved_at) as double) / 864e8
                as final_days_late""",
}
FINAL_TOTALS = {
    "project": ("final_pledged_amount", "final_funding_ratio"),
    "milestone": ("final_days_late",),
}

# The truth of a generated platform, by entity and clock: files that no stage before has read.
_TRUTH_FILES = {"project": "truth_snapshots.parquet", "milestone": "truth_milestones.parquet"}
_TRUTH = {
    "project": "select project_id as entity_id, snapshot_kind, success_probability as probability,"
    " is_successful as outcome from read_parquet($oracle)",
    "milestone": "select milestone_id as entity_id, 'start' as snapshot_kind, risk_probability as"
    " probability, is_high_risk as outcome from read_parquet($oracle)",
}

_ONE_PER_PROJECT = {"project": "true", "milestone": "features.milestone_number = 1"}


class WarehouseError(MlError):
    """The warehouse is missing, busy, or lacks what ml reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One row of `ml.model_runs`; times are UTC without a zone.

    The last fields say how it was decided whether the model serves: compared with which version,
    on how many projects that neither had seen, and how much higher its log loss was there.
    """

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
    is_champion: bool = False
    decision: str | None = None
    compared_with: str | None = None
    compared_project_count: int | None = None
    log_loss_difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


class Warehouse:
    """Reads features and labels as Arrow batches, adds rows to the tables of schema `ml`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, *, attached_as: str | None = None
    ) -> None:
        """Takes an open connection; `open_warehouse` and `read_warehouse` are the ways in."""
        self._connection = connection
        self._attached_as = attached_as

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
        self.require("core.warehouse_as_of", "as_of")
        self.require(
            *("core.dim_projects", "project_id", "launched_at", "deadline_at", "pledged_amount")
        )
        if model.entity == "milestone":
            self.require(
                *("core.fct_milestones", "milestone_id", "project_id", "due_at", "resolved_at")
            )
        table = f"features.{model.entity}_labels"
        types = self.require(table, key, "outcome_known_at", model.label)
        _require_kind(table, model.label, types[model.label], ("BOOLEAN",), "true or false", model)
        table = f"features.{model.entity}_features"
        keys = (key, "project_id", "snapshot_kind", "snapshot_at", "is_decided")
        types = self.require(table, *keys, *features.names, needed_by=model.name)
        for name in features.numeric:
            _require_kind(table, name, types[name], _NUMBER_TYPES, "a number", model)
        for name in features.categorical:
            _require_kind(table, name, types[name], ("VARCHAR",), "text", model)

    def require(self, table: str, *columns: str, needed_by: str = "ml") -> dict[str, str]:
        """Returns the columns of a table with their types.

        Raises:
            WarehouseError: The table, or one of the columns named, is not there.
        """
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
        types = self.require(f"features.{model.entity}_features")
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
        closed = "closed_at <= $cutoff"
        where = f"cohort.{closed} and not features.is_decided"
        sampled = _sampled(model, closed, model.split.max_train_projects)
        sql = _labelled_sql(model, f"{where} and {sampled}", _BESIDE[model.entity])
        return self.read(sql, cutoff=cutoff).read_all()

    def test_rows(
        self,
        model: ModelSettings,
        cutoff: datetime,
        until: datetime | None = None,
        truth: Path | None = None,
    ) -> pa.Table:
        """Reads the labelled snapshots of projects that were launched after the cut.

        At most `max_test_projects` projects, chosen by a hash of their id. Beside the features
        come `amount` and `is_first_time`, final totals, `true_probability` and
        `ceiling_probability`: NULL without a truth, or where it has no row.

        Args:
            model: Settings of the model.
            cutoff: Launches after it.
            until: Launches not after it; by default all.
            truth: Folder with the truth of this generated platform.

        Raises:
            WarehouseError: The truth is not readable, or is that of another platform.
        """
        launched = "launched_at > $cutoff and ($until is null or launched_at <= $until)"
        sampled = _sampled(model, launched, model.split.max_test_projects)
        where = f"cohort.launched_at > $cutoff and {sampled}"
        rows = _labelled_sql(model, where, _BESIDE[model.entity])
        oracle = ceiling = "cast(null as double)"
        joins = ""
        parameters: dict[str, Any] = {"cutoff": cutoff, "until": until}
        if truth is not None:
            self._check_truth(model, truth)
            oracle, same = "oracle.probability", "using (entity_id, snapshot_kind)"
            joins += f"left join ({_TRUTH[model.entity]}) as oracle {same}"
            parameters["oracle"] = str(truth / _TRUTH_FILES[model.entity])
            file = ceiling_file(truth, model)
            if file.is_file():
                ceiling = "ceiling.probability"
                joins += f" left join read_parquet($ceiling) as ceiling {same}"
                parameters["ceiling"] = str(file)
        sql = f"""
            select rows.*, {oracle} as true_probability, {ceiling} as ceiling_probability
            from ({rows}) as rows {joins}
            order by entity_id, snapshot_at, snapshot_kind"""
        return self.read(sql, **parameters).read_all()

    def rows_between(
        self, model: ModelSettings, after: datetime, until: datetime
    ) -> tuple[pa.Table, int]:
        """Reads undecided fixed snapshots taken in (after, until] whose label window has closed.

        Returns:
            The rows of `test_rows`, and how many other such snapshots are still pending.
        """
        window = "features.snapshot_at > $after and features.snapshot_at <= $until"
        where = f"not features.is_decided and {window}"
        rows = _labelled_sql(model, where, _BESIDE[model.entity])
        unknown = "cast(null as double) as true_probability, cast(null as double)"
        sql = (
            f"select rows.*, {unknown} as ceiling_probability from ({rows}) as rows"
            " order by entity_id, snapshot_at, snapshot_kind"
        )
        mature = self.read(sql, after=after, until=until).read_all()
        [(count,)] = self.fetch(
            f"select count(*) from features.{model.entity}_features as features"
            f" where features.snapshot_kind <> 'current' and {where}",
            after=after,
            until=until,
        )
        return mature, count - mature.num_rows

    def _check_truth(self, model: ModelSettings, truth: Path) -> None:
        """Holds the outcomes of the truth against the labels: another platform has others."""
        try:
            [(shared, other)] = self.fetch(
                f"""
                with {_cohort(model)}
                select count(*), count(*) filter (truth.outcome <> cohort.label)
                from cohort
                inner join ({_TRUTH[model.entity]}) as truth
                    on cohort.entity_id = truth.entity_id""",
                oracle=str(truth / _TRUTH_FILES[model.entity]),
            )
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise WarehouseError(f"TRUTH={truth} cannot be used ({reason}): make truth") from error
        if not shared or other:
            raise WarehouseError(
                f"TRUTH={truth} is that of another platform: of {shared:,} outcomes of"
                f" {model.entity}s that it shares with the warehouse, {other:,} differ; give the"
                " folder that `make truth` wrote for the same SCALE, SEED and SCENARIO"
            )

    def current_row(
        self, model: ModelSettings, features: Features, entity_id: int, version: str
    ) -> pa.Table:
        """Reads what a batch would predict for one live entity; no row when it is not live."""
        sql = f"""
            select {_snapshot_columns(model, features)}
            {_snapshots(model)}
            where features.{model.entity}_id = $entity_id and features.snapshot_kind = 'current'"""
        return self.read(sql, entity_id=entity_id, version=version).read_all()

    def rows_to_predict(
        self, model: ModelSettings, features: Features, version: str, cutoff: datetime
    ) -> pa.RecordBatchReader:
        """Streams the snapshots of which the newest prediction of the version is another one.

        Of everything live, and of the snapshots of projects launched after the cut.
        """
        sql = f"""
            select rows.*
            from (
                select {_snapshot_columns(model, features)}
                {_snapshots(model)}
                inner join core.dim_projects as projects
                    on features.project_id = projects.project_id
                where features.snapshot_kind = 'current' or projects.launched_at > $cutoff
            ) as rows
            where rows.prediction_id not in (
                select prediction_id from staging.stg_predictions
                where model_name = $name and model_version = $version and origin = 'batch')
            order by entity_id, snapshot_at, snapshot_kind"""
        return self.read(sql, name=model.name, version=version, cutoff=cutoff)

    def run_in_use(self, model_name: str) -> ModelRun | None:
        """Returns the row that says what serves at `as_of`: the champion, or a skip."""
        return next(iter(self._runs("intermediate.int_models_in_use", model_name, "true")), None)

    def incumbent(self, model_name: str) -> ModelRun | None:
        """Returns the row that said what serves at the newest `as_of` before this warehouse's."""
        before = "as_of < (select as_of from core.warehouse_as_of) order by as_of desc limit 1"
        found = self._runs("intermediate.int_models_serving", model_name, before)
        return next(iter(found), None)

    def newest_run(self, model_name: str, version: str) -> ModelRun | None:
        """Returns the newest row of a trained version, known by `as_of`."""
        found = self._runs(
            "ml.model_runs",
            model_name,
            "model_version = $version and status = 'trained'"
            f" and {_KNOWN} order by as_of desc, trained_at desc, run_id desc limit 1",
            version=version,
        )
        return next(iter(found), None)

    def is_replayed(self, run: ModelRun) -> bool:
        """Says whether this very replay is the one that counts of its moment."""
        sql = "select count(*) from staging.stg_model_replays where model_version = $version"
        return bool(self.fetch(sql, version=run.model_version)[0][0])

    def decisions(self, model_name: str) -> list[list[ModelRun]]:
        """Returns all decisions made for this very `as_of`, each with its rows, newest first."""
        rows = self._runs(
            "ml.model_runs",
            model_name,
            "status <> 'backtest' and as_of = (select as_of from core.warehouse_as_of)"
            " order by trained_at desc, run_id desc, artifact_path",
        )
        keyed = itertools.groupby(rows, lambda run: (run.trained_at, run.run_id))
        return [list(group) for _, group in keyed]

    def predictors_beside(self, version: str) -> set[str]:
        """Returns what the version was measured beside in its newest measurement."""
        sql = (
            "select distinct predictor from staging.stg_model_metrics"
            " where split_part(model_version, '/', 1) = $version and model_version <> $version"
        )
        return {predictor for (predictor,) in self.fetch(sql, version=version)}

    def _runs(
        self, table: str, model_name: str, condition: str, **parameters: Any
    ) -> list[ModelRun]:
        names = [field.name for field in fields(ModelRun)]
        rows = self.fetch(
            f"select {', '.join(names)} from {table} where model_name = $name and {condition}",
            name=model_name,
            **parameters,
        )
        return [ModelRun(**dict(zip(names, row, strict=True))) for row in rows]

    def add_run(self, run: ModelRun) -> None:
        """Adds one row to `ml.model_runs`."""
        self.add("model_runs", pa.Table.from_pylist([asdict(run)]))

    def add(self, table: str, rows: pa.Table, *, key: tuple[str, ...] = ()) -> int:
        """Adds the rows whose key is not there yet; NULL equals NULL. Returns how many."""
        same = " and ".join(f"present.{name} is not distinct from incoming.{name}" for name in key)
        known = f"anti join ml.{table} as present on {same}" if key else ""
        with self._registered(rows):
            [(added,)] = self.fetch(
                f"insert into ml.{table} by name select incoming.* from incoming {known}"
            )
        return int(added)

    @contextmanager
    def _registered(self, rows: pa.Table) -> Iterator[None]:
        self._connection.register("incoming", rows)
        try:
            yield
        finally:
            self._connection.unregister("incoming")

    def record(self, table: str, rows: pa.Table, *, key: tuple[str, ...], made_at: str) -> int:
        """Adds the rows of every key that is not, as a whole, what counts for it already.

        What counts is read from the state view of the table. Returns how many rows were added.

        Args:
            table: Table of schema `ml`.
            rows: All rows of each of the keys.
            key: The expressions by which the view takes the newest rows.
            made_at: Column of the wall-clock time, which like run and `as_of` says nothing new.
        """
        same = ("run_id", "as_of", made_at)
        content = ", ".join(name for name in rows.column_names if name not in same)
        keys = "[" + ", ".join(f"cast({part} as varchar)" for part in key) + "]"
        with self._registered(rows):
            self.fetch(f"create or replace temp table written as from ml.{table} limit 0")
            self.fetch("insert into written by name select * from incoming")
        [(added,)] = self.fetch(
            f"""
            with counting as (
                select {content} from staging.stg_{table}
                where {keys} in (select {keys} from written)
            ),
            changed as (
                (select {content} from written except all select {content} from counting)
                union all
                (select {content} from counting except all select {content} from written)
            )
            insert into ml.{table}
            select * from written where {keys} in (select {keys} from changed)"""
        )
        self.fetch("drop table written")
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
        cursor = self._connection.cursor()
        if self._attached_as:
            cursor.execute(f"use {self._attached_as}")
        return cursor.sql(sql, params=parameters or None).to_arrow_reader(BATCH_ROWS)


@contextmanager
def open_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for writing.

    Raises:
        WarehouseError: There is no such file, it cannot be opened, or dbt has not built it.
    """
    with _connect(path) as connection:
        warehouse = Warehouse(connection)
        warehouse.require("ml.model_runs")
        yield warehouse


@contextmanager
def read_warehouse(path: Path) -> Iterator[Warehouse]:
    """Opens the database file for reading, beside any number of other readers.

    Raises:
        WarehouseError: There is no such file, or it cannot be opened.
    """
    with _connect(path, read_only=True) as connection:
        yield Warehouse(connection, attached_as=_CATALOG)


def _connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    if not path.is_file():
        raise WarehouseError(f"there is no warehouse at {path}: make run")
    try:
        if read_only:
            return _attach(path)
        return duckdb.connect(str(path), config={"storage_compatibility_version": "v1.5.0"})
    except duckdb.Error as error:
        raise WarehouseError(f"cannot open {path}: {str(error).splitlines()[0]}") from error


def ceiling_file(truth: Path, model: ModelSettings) -> Path:
    """Returns where the truth of a platform keeps what the observable ceiling predicts."""
    return truth / f"ceiling_{model.name}.parquet"


def _attach(path: Path) -> duckdb.DuckDBPyConnection:
    # Opened by its name, a replaced file would come back as long as the process has it open.
    connection = duckdb.connect(":memory:")
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {_CATALOG} (read_only)")
    connection.execute(f"use {_CATALOG}")
    return connection


def _cohort(model: ModelSettings) -> str:
    labelled = _LABELLED[model.entity].format(label=model.label)
    return (
        f"labelled as ({labelled}), cohort as (select * from labelled"
        " where closed_at <= (select as_of from core.warehouse_as_of))"
    )


def _sampled(model: ModelSettings, condition: str, count: int) -> str:
    return f"""cohort.project_id in (
            select project_id
            from (select distinct project_id from cohort where {condition}) as projects
            order by md5(cast(project_id as varchar) || '/{model.seed}')
            limit {count})"""


def _labelled_sql(model: ModelSettings, where: str, beside: str = "") -> str:
    return f"""
        with {_cohort(model)}
        select
            cohort.entity_id,
            cohort.project_id,
            cohort.launched_at,
            cohort.outcome_known_at,
            cohort.closed_at,
            cohort.label,
            features.snapshot_kind,
            features.snapshot_at,
            features.is_decided,
            {_feature_columns(model.features)}{"," if beside else ""}
            {beside}
        from cohort
        inner join features.{model.entity}_features as features
            on cohort.entity_id = features.{model.entity}_id
        where features.snapshot_kind <> 'current' and {where}
        order by entity_id, snapshot_at, snapshot_kind"""


def _snapshot_columns(model: ModelSettings, features: Features) -> str:
    """Returns the columns of a snapshot to be predicted, named by what goes into the prediction.

    Of what is live, an outcome that is known already is no matter of prediction.
    """
    known = (
        "case when features.snapshot_kind = 'current'"
        f" and labels.outcome_known_at <= features.snapshot_at then labels.{model.label} end"
    )
    values = ", ".join(f"{name} := {sql}" for name, sql in _features(features).items())
    text = (
        f"cast(case when {known} is null then to_json(struct_pack({values}))"
        f" else to_json(struct_pack(known_outcome := {known})) end as varchar)"
    )
    parts = (
        "$version",
        f"cast(features.{model.entity}_id as varchar)",
        "features.snapshot_kind",
        "cast(epoch_us(features.snapshot_at) as varchar)",
        text,
    )
    return f"""
                md5({" || '/' || ".join(parts)}) as prediction_id,
                {text} as feature_values,
                {known} as known_outcome,
                features.{model.entity}_id as entity_id,
                features.snapshot_at,
                features.snapshot_kind,
                features.is_decided,
                {_feature_columns(features)}"""


def _snapshots(model: ModelSettings) -> str:
    return (
        f"from features.{model.entity}_features as features"
        f" left join features.{model.entity}_labels as labels"
        f" on features.{model.entity}_id = labels.{model.entity}_id"
    )


def _feature_columns(features: Features) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in _features(features).items())


def _features(features: Features) -> dict[str, str]:
    """Returns what a model reads, by name."""
    return {name: f"cast(features.{name} as double)" for name in features.numeric} | {
        name: f"features.{name}" for name in features.categorical
    }


def _require_kind(
    table: str, column: str, found: str, wanted: tuple[str, ...], words: str, model: ModelSettings
) -> None:
    if not found.startswith(wanted):
        raise WarehouseError(
            f"{table}.{column} is of type {found}; {model.name} needs {words} there:"
            " build the features again or correct models.toml"
        )
