"""The registry of model runs: what was trained, what was decided of it, what serves."""

import itertools
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from ml.errors import MlError
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

_KNOWN = "as_of <= (select as_of from core.warehouse_as_of)"


class PredictionError(MlError):
    """There is no model that may predict for this warehouse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One row of `ml.model_runs`; times are UTC without a zone.

    The last fields say how it was decided whether the model serves: compared with which version,
    on how many projects that neither had seen, and how much higher its log loss was there;
    and whether its skill is proven, None where nothing was trained.
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
    skill_state: str | None = None


def run_in_use(warehouse: Warehouse, model_name: str) -> ModelRun | None:
    """Returns the row of what serves at `as_of`: the champion, or a skip."""
    return next(iter(_runs(warehouse, "intermediate.int_models_in_use", model_name, "true")), None)


def model_in_use(model: ModelSettings, warehouse: Warehouse) -> ModelRun:
    """Returns the row of the champion, or the one with the reason why there is none.

    Raises:
        PredictionError: There is none.
    """
    run = run_in_use(warehouse, model.name)
    if run is None:
        raise PredictionError(
            f"{model.name} has never been trained for {warehouse.as_of()} or before: run `train`"
            " first"
        )
    return run


def incumbent(warehouse: Warehouse, model_name: str) -> ModelRun | None:
    """Returns the row of what served at the newest `as_of` before this warehouse's."""
    before = "as_of < (select as_of from core.warehouse_as_of) order by as_of desc limit 1"
    found = _runs(warehouse, "intermediate.int_models_serving", model_name, before)
    return next(iter(found), None)


def newest_run(warehouse: Warehouse, model_name: str, version: str) -> ModelRun | None:
    """Returns the newest row of a trained version, known by `as_of`."""
    found = _runs(
        warehouse,
        "ml.model_runs",
        model_name,
        "model_version = $version and status = 'trained'"
        f" and {_KNOWN} order by as_of desc, trained_at desc, run_id desc limit 1",
        version=version,
    )
    return next(iter(found), None)


def comparison(warehouse: Warehouse, run: ModelRun, champion: ModelRun) -> ModelRun | None:
    """Returns the newest row of a version that compares it with another one, known by `as_of`."""
    found = _runs(
        warehouse,
        "ml.model_runs",
        run.model_name,
        "model_version = $version and status = 'trained' and compared_with = $champion"
        f" and {_KNOWN} order by as_of desc, trained_at desc, run_id desc limit 1",
        version=run.model_version,
        champion=champion.model_version,
    )
    return next(iter(found), None)


def is_replayed(warehouse: Warehouse, run: ModelRun) -> bool:
    """Returns whether this very replay is the one that counts for its cutoff."""
    sql = "select count(*) from staging.stg_model_replays where model_version = $version"
    return bool(warehouse.fetch(sql, version=run.model_version)[0][0])


def decisions(warehouse: Warehouse, model_name: str) -> list[list[ModelRun]]:
    """Returns all decisions made for this very `as_of`, each with its rows, newest first."""
    rows = _runs(
        warehouse,
        "ml.model_runs",
        model_name,
        "status <> 'backtest' and as_of = (select as_of from core.warehouse_as_of)"
        " order by trained_at desc, run_id desc, artifact_path",
    )
    keyed = itertools.groupby(rows, lambda run: (run.trained_at, run.run_id))
    return [list(group) for _, group in keyed]


def settings_tried(warehouse: Warehouse, run: ModelRun) -> int:
    """Returns how many settings of a model were tried at earlier `as_of`, this one included.

    What a look back tried after the first decision for this `as_of` does not count.
    """
    sql = """
        select count(distinct config_fingerprint)
        from ml.model_runs
        where model_name = $name and status = 'trained' and as_of < $as_of
            and config_fingerprint <> $config
            and coalesce(trained_at < (
                select min(first_decided_at) from staging.stg_model_runs where model_name = $name
            ), true)"""
    given = {"name": run.model_name, "as_of": run.as_of, "config": run.config_fingerprint}
    return 1 + int(warehouse.fetch(sql, **given)[0][0])


def predictors_beside(warehouse: Warehouse, version: str) -> set[str]:
    """Returns what the version was measured beside in its newest measurement."""
    sql = (
        "select distinct predictor from staging.stg_model_metrics"
        " where split_part(model_version, '/', 1) = $version and model_version <> $version"
    )
    return {predictor for (predictor,) in warehouse.fetch(sql, version=version)}


def measured_versions(warehouse: Warehouse, model_name: str) -> set[str]:
    """Returns the versions of which a measurement counts."""
    sql = "select distinct model_version from staging.stg_model_metrics where model_name = $name"
    return {version for (version,) in warehouse.fetch(sql, name=model_name)}


def _runs(
    warehouse: Warehouse, table: str, model_name: str, condition: str, **parameters: Any
) -> list[ModelRun]:
    names = [field.name for field in fields(ModelRun)]
    rows = warehouse.fetch(
        f"select {', '.join(names)} from {table} where model_name = $name and {condition}",
        name=model_name,
        **parameters,
    )
    return [ModelRun(**dict(zip(names, row, strict=True))) for row in rows]


def add_run(warehouse: Warehouse, run: ModelRun) -> None:
    """Adds one row to `ml.model_runs`."""
    warehouse.add("model_runs", pa.Table.from_pylist([asdict(run)]))
