"""The snapshots that intervals of final totals are learned from, measured on and made for."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ml.modeling import estimators
from ml.modeling.rows import feature_columns, feature_json
from ml.settings import Features, ModelSettings
from ml.warehouse import Warehouse

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Logarithms are of the share of the goal plus this: finite at nothing pledged, and blind to what
# does not matter, such as 1 or 5 of 10,000.
EDGE = 0.01
_DAY = np.timedelta64(1, "D")


class Snapshots(NamedTuple):
    """Arrays of one length; times are `datetime64[us]`.

    Attributes:
        log_final: Logarithm of the final total, see EDGE; NaN where it is not known.
        log_pledged: That of what was pledged at the snapshot.
        elapsed_ratio: Share of the campaign that is over.
        age_days: Time since the launch.
        features: What the forest reads.
    """

    project_id: Integers
    kind: npt.NDArray[np.str_]
    launched_at: npt.NDArray[np.datetime64]
    closed_at: npt.NDArray[np.datetime64]
    goal: Floats
    log_final: Floats
    log_pledged: Floats
    elapsed_ratio: Floats
    age_days: Floats
    features: pd.DataFrame

    def where(self, mask: npt.NDArray[np.bool_]) -> "Snapshots":
        """Returns the rows of the mask."""
        columns: dict[str, Any] = {name: each[mask] for name, each in self._asdict().items()}
        return Snapshots(**columns)


def snapshots(rows: pa.Table, features: Features) -> Snapshots:
    """Returns rows of `training_rows`, `holdout_rows` or `live_rows` as arrays."""
    goal, pledged = _numbers(rows, "funding_goal"), _numbers(rows, "pledged_amount")
    launched_at = rows.column("launched_at").to_numpy()
    age_days = (rows.column("snapshot_at").to_numpy() - launched_at) / _DAY
    return Snapshots(
        project_id=rows.column("project_id").to_numpy(),
        kind=np.array(rows.column("snapshot_kind").to_pylist(), dtype=np.str_),
        launched_at=launched_at,
        closed_at=rows.column("closed_at").to_numpy(),
        goal=goal,
        log_final=log_share(_numbers(rows, "final_pledged_amount"), goal),
        log_pledged=log_share(np.nan_to_num(pledged), goal),
        elapsed_ratio=_numbers(rows, "elapsed_ratio"),
        age_days=age_days,
        features=estimators.frame(rows, features).assign(age_days=age_days),
    )


def log_share(amount: Floats, goal: Floats) -> Floats:
    """Returns the logarithm of an amount as a share of the goal, see EDGE."""
    found: Floats = np.log(amount / goal + EDGE)
    return found


def amount_of(log: Floats, goal: Floats) -> Floats:
    """Returns the amount with this logarithm."""
    found: Floats = goal * (np.exp(log) - EDGE)
    return found


def with_age(features: Features) -> Features:
    """Returns the columns of `Snapshots.features`."""
    return Features((*features.numeric, "age_days"), features.categorical)


def _numbers(rows: pa.Table, name: str) -> Floats:
    numbers: Floats = rows.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def live_rows(warehouse: Warehouse, model: ModelSettings) -> pa.Table:
    """Reads all snapshots of live projects, with the values that a prediction is made from."""
    sql = f"""
        select
            features.project_id,
            projects.launched_at,
            projects.deadline_at as closed_at,
            features.snapshot_kind,
            features.snapshot_at,
            cast(cast(coalesce(features.pledged_amount, 0) as decimal(20, 2)) * 100 as bigint)
                as pledged_cents,
            cast({feature_json(model.features)} as varchar) as feature_values,
            cast(null as double) as final_pledged_amount,
            {feature_columns(model.features)}
        from features.project_features as features
        inner join core.dim_projects as projects on features.project_id = projects.project_id
        where features.project_id in (
            select project_id from features.project_features where snapshot_kind = 'current')
        order by project_id, snapshot_at, snapshot_kind"""
    return warehouse.read(sql).read_all()
