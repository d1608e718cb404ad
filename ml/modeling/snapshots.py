"""The snapshots a model predicts: what is live, and what it has not predicted yet."""

from datetime import datetime

import pyarrow as pa

from ml.modeling.rows import feature_columns, feature_json
from ml.settings import Features, ModelSettings
from ml.warehouse import Warehouse


def rows_to_predict(
    warehouse: Warehouse,
    model: ModelSettings,
    features: Features,
    version: str,
    cutoff: datetime,
) -> pa.RecordBatchReader:
    """Streams the snapshots of which the newest prediction of the version is another one.

    Of everything live, and of the snapshots of projects launched after the cut.
    """
    sql = f"""
        select rows.*
        from (
            select {_snapshot_columns(model, features)}
            {_snapshots(model)}
            where features.snapshot_kind = 'current' or projects.launched_at > $cutoff
        ) as rows
        where rows.prediction_id not in (
            select prediction_id from staging.stg_predictions
            where model_name = $name and model_version = $version and origin = 'batch')
        order by entity_id, snapshot_at, snapshot_kind"""
    return warehouse.read(sql, name=model.name, version=version, cutoff=cutoff)


def _snapshot_columns(model: ModelSettings, features: Features) -> str:
    """Returns the columns of a snapshot to be predicted, named by what goes into the prediction.

    Of what is live, an outcome that is known already is no matter of prediction.
    """
    known = (
        "case when features.snapshot_kind = 'current'"
        f" and labels.outcome_known_at <= features.snapshot_at then labels.{model.label} end"
    )
    text = (
        f"cast(case when {known} is null then {feature_json(features)}"
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
                case when features.snapshot_kind = 'current' then {text} end as feature_values,
                {known} as known_outcome,
                features.{model.entity}_id as entity_id,
                features.snapshot_at,
                features.snapshot_kind,
                features.is_decided,
                projects.launched_at,
                {feature_columns(features)}"""


def _snapshots(model: ModelSettings) -> str:
    return (
        f"from features.{model.entity}_features as features"
        f" left join features.{model.entity}_labels as labels"
        f" on features.{model.entity}_id = labels.{model.entity}_id"
        " inner join core.dim_projects as projects on features.project_id = projects.project_id"
    )
