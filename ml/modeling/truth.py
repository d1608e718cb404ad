"""The truth of a generated platform, by entity: files that only a judge of models reads."""

from pathlib import Path

from ml.settings import ModelSettings
from ml.warehouse import DatabaseError, Warehouse, WarehouseError

# The truth of a generated platform, by entity and clock: files that no stage before has read.
_TRUTH_FILES = {"project": "truth_snapshots.parquet", "milestone": "truth_milestones.parquet"}
_TRUTH = {
    "project": "select project_id as entity_id, snapshot_kind, success_probability as probability,"
    " is_successful as outcome from read_parquet($oracle)",
    "milestone": "select milestone_id as entity_id, 'start' as snapshot_kind, risk_probability as"
    " probability, is_high_risk as outcome from read_parquet($oracle)",
}


def ceiling_file(truth: Path, model: ModelSettings) -> Path:
    """Returns where the truth of a platform keeps what the observable ceiling predicts."""
    return truth / f"ceiling_{model.name}.parquet"


def check_truth(warehouse: Warehouse, model: ModelSettings, truth: Path, cohort: str) -> None:
    """Compares the outcomes of the truth with the labels: another platform has others.

    Args:
        warehouse: Open for reading.
        model: Settings of the model.
        truth: Folder with the truth of this generated platform.
        cohort: SQL of the common table expression `cohort` with the labelled entities.

    Raises:
        WarehouseError: The truth is not readable, or is that of another platform.
    """
    try:
        [(shared, other)] = warehouse.fetch(
            f"""
            with {cohort}
            select count(*), count(*) filter (truth.outcome <> cohort.label)
            from cohort
            inner join ({_TRUTH[model.entity]}) as truth
                on cohort.entity_id = truth.entity_id""",
            oracle=str(truth / _TRUTH_FILES[model.entity]),
        )
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        raise WarehouseError(f"TRUTH={truth} cannot be used ({reason}): make truth") from error
    if not shared or other:
        raise WarehouseError(
            f"TRUTH={truth} is that of another platform: of {shared:,} outcomes of"
            f" {model.entity}s that it shares with the warehouse, {other:,} differ; give the"
            " folder that `make truth` wrote for the same SCALE, SEED and SCENARIO"
        )


def with_truth(rows: str, model: ModelSettings, truth: Path | None) -> tuple[str, dict[str, str]]:
    """Adds `true_probability` and `ceiling_probability` to a query: NULL where not known.

    Returns:
        The SQL, in the order of the keys, and the files that it takes as parameters.
    """
    oracle = ceiling = "cast(null as double)"
    joins, same = "", "using (entity_id, snapshot_kind)"
    files: dict[str, str] = {}
    if truth is not None:
        oracle = "oracle.probability"
        joins += f"left join ({_TRUTH[model.entity]}) as oracle {same}"
        files["oracle"] = str(truth / _TRUTH_FILES[model.entity])
    if truth is not None and ceiling_file(truth, model).is_file():
        ceiling = "ceiling.probability"
        joins += f" left join read_parquet($ceiling) as ceiling {same}"
        files["ceiling"] = str(ceiling_file(truth, model))
    sql = f"""
        select rows.*, {oracle} as true_probability, {ceiling} as ceiling_probability
        from ({rows}) as rows {joins}
        order by entity_id, snapshot_at, snapshot_kind"""
    return sql, files
