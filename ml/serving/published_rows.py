"""The predictions that a published file holds of what is live, read whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from ml.errors import MlError
from ml.modeling import artifacts
from ml.modeling.artifacts import ArtifactError
from ml.modeling.registry import ModelRun, model_in_use
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


class NoModelError(MlError):
    """There is no model for this kind of question, or it was skipped."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What moved a prediction: a contribution to it, by the value of a feature."""

    feature: str
    feature_value: str | None
    contribution: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """The batch prediction of something live, as `ml.predictions` has it; times are UTC."""

    prediction_id: str
    model_name: str
    model_version: str
    entity_id: int
    snapshot_at: datetime
    snapshot_kind: str
    is_decided: bool
    predicted_probability: float
    predicted_label: bool
    predicted_at: datetime
    feature_values: str
    skill_state: str | None
    reasons: tuple[Reason, ...]


class Feature(NamedTuple):
    """One feature of the contract that models are given."""

    name: str
    data_type: str
    description: str


class FinalAmount(NamedTuple):
    """What a live project will have raised in all: 5 %, 50 % and 95 %; None where not known."""

    prediction_id: str
    model_version: str
    project_id: int
    snapshot_at: datetime
    snapshot_kind: str
    final_amount_low: Decimal | None
    final_amount_median: Decimal | None
    final_amount_high: Decimal | None
    predicted_at: datetime


class AmountRun(NamedTuple):
    """The run that the final amounts are of; no version, but a reason, where there is none."""

    status: str
    reason: str | None
    model_version: str | None
    skill_state: str | None


class PublishedModel(NamedTuple):
    """The rows of one model by entity, in order of their ids, or why it has none."""

    name: str
    run: ModelRun | None
    rows: Mapping[int, PublishedRow]
    ids: Sequence[int] = ()
    problem: MlError | None = None


class PublishedRows(NamedTuple):
    """All predictions of what is live in one published file.

    Attributes:
        models: By entity: project, milestone.
        amounts: By project.
        amount_run: The run that made them.
        features: The contract of each entity.
    """

    as_of: datetime
    models: Mapping[str, PublishedModel]
    amounts: Mapping[int, FinalAmount]
    amount_run: AmountRun
    features: Mapping[str, tuple[Feature, ...]]

    @property
    def is_final(self) -> bool:
        """Whether nothing but another file changes them: a damaged model file may be mended."""
        return not any(isinstance(each.problem, ArtifactError) for each in self.models.values())


# as in the batch: a model that a bug ended for this `as_of` predicts nothing that is live
_FAILED = """
    select stage from staging.stg_failures
    where unit = $unit and stage in ('train', 'predict') order by recorded_at"""

_COLUMNS = [
    field.name for field in fields(PublishedRow) if field.name not in ("skill_state", "reasons")
]
_LIVE = """
    with live as (
        select predictions.*
        from staging.stg_predictions as predictions
        inner join features.{entity}_features as features
            on
                predictions.entity_id = features.{entity}_id
                and predictions.snapshot_kind = features.snapshot_kind
                and predictions.snapshot_at = features.snapshot_at
        where
            predictions.model_name = $name and predictions.model_version = $version
            and predictions.snapshot_kind = 'current' and predictions.origin = 'batch'
    ),
    reasons as (
        select
            prediction_id,
            list(
                struct_pack(
                    feature := feature, feature_value := feature_value,
                    contribution := contribution, unit := unit
                )
                order by reason_rank
            ) as reasons
        from staging.stg_prediction_reasons
        where prediction_id in (select prediction_id from live)
        group by prediction_id
    )
    select {columns}, reasons
    from live
    inner join ml.prediction_inputs using (prediction_id)
    left join reasons using (prediction_id)
    order by entity_id"""

_AMOUNTS = f"""
    select {", ".join(FinalAmount._fields)} from staging.stg_final_amount
    where snapshot_kind = 'current' order by project_id"""
_FEATURES = """
    select entity, feature, data_type, description from features.feature_catalogue
    order by entity, sort_order"""


def read(warehouse: Warehouse, models: tuple[ModelSettings, ...], folder: Path) -> PublishedRows:
    """Reads all rows of what is live.

    Args:
        warehouse: The published file.
        models: The settings of the models.
        folder: Of the model files: whose number is shown must be there to be replayed.
    """
    amounts = [FinalAmount(*row) for row in warehouse.fetch(_AMOUNTS)]
    fields = ", ".join(AmountRun._fields)
    runs = warehouse.fetch(f"select {fields} from intermediate.int_final_amount_in_use")
    return PublishedRows(
        as_of=warehouse.as_of(),
        models={model.entity: _of_model(warehouse, model, folder) for model in models},
        amounts={amount.project_id: amount for amount in amounts},
        features=_features(warehouse),
        amount_run=next((AmountRun(*row) for row in runs), AmountRun("missing", None, None, None)),
    )


def _features(warehouse: Warehouse) -> dict[str, tuple[Feature, ...]]:
    rows = warehouse.fetch(_FEATURES)
    return {
        entity: tuple(Feature(*rest) for _, *rest in group)
        for entity, group in groupby(rows, itemgetter(0))
    }


def _of_model(warehouse: Warehouse, model: ModelSettings, folder: Path) -> PublishedModel:
    run = None
    try:
        # what an older version has published may lack it
        warehouse.require("intermediate.int_models_in_use", "skill_state", needed_by="serving")
        run = model_in_use(model, warehouse)
        if run.status != "trained":
            raise NoModelError(f"{model.name} has no model: {run.reason}")
        if failed := warehouse.fetch(_FAILED, unit=model.name):
            raise NoModelError(f"{model.name} has no model: {failed[0][0]} failed; see ml.failures")
        artifacts.checked(folder, run)
    except MlError as problem:
        return PublishedModel(model.name, run, {}, problem=problem.with_traceback(None))
    sql = _LIVE.format(entity=model.entity, columns=", ".join(_COLUMNS))
    rows = {}
    for *values, reasons in warehouse.fetch(sql, name=model.name, version=run.model_version):
        told = tuple(Reason(**reason) for reason in reasons or ())
        row = PublishedRow(
            **dict(zip(_COLUMNS, values, strict=True)), skill_state=run.skill_state, reasons=told
        )
        rows[row.entity_id] = row
    return PublishedModel(model.name, run, rows, list(rows))
