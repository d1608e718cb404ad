"""The rows that models learn from and are judged on: labelled snapshots, by cut and window."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from ml.modeling import fingerprints
from ml.modeling.truth import check_truth, with_truth
from ml.settings import ENTITIES, Features, ModelSettings
from ml.warehouse import Warehouse, WarehouseError

_NUMBER_TYPES = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "BOOLEAN"),
    "DECIMAL",
)

# One row per labelled entity. Counting from `outcome_known_at` instead of the end of the label
# window would favour whatever is known early: cancellations, and approvals of milestones.
_LABELLED = {
    "project": """
        select
            labels.project_id as entity_id,
            labels.project_id,
            projects.creator_id,
            projects.launched_at,
            labels.outcome_known_at,
            labels.label_window_ends_at as closed_at,
            labels.{label} as label,
            projects.pledged_amount
        from features.project_labels as labels
        inner join core.dim_projects as projects on labels.project_id = projects.project_id""",
    "milestone": """
        select
            labels.milestone_id as entity_id,
            milestones.project_id,
            projects.creator_id,
            projects.launched_at,
            labels.outcome_known_at,
            labels.label_window_ends_at as closed_at,
            labels.{label} as label,
            milestones.due_at,
            case when milestones.resolved_at < {until} then milestones.resolved_at end
                as resolved_at
        from features.milestone_labels as labels
        inner join core.fct_milestones as milestones
            on labels.milestone_id = milestones.milestone_id
        inner join core.dim_projects as projects on milestones.project_id = projects.project_id""",
}

# What a model must not know but its judge may: final totals are the outcome in disguise.
_BESIDE = {
    "project": """
            cohort.creator_id,
            cast(null as double) as amount,
            coalesce(features.is_first_time_creator, false) as is_first_time,
            cast(cohort.pledged_amount as double) as final_pledged_amount,
            cast(cohort.pledged_amount as double) / cast(features.funding_goal as double)
                as final_funding_ratio""",
    "milestone": """
            cohort.creator_id,
            cast(features.funding_amount as double) as amount,
            false as is_first_time,
            cast(date_diff('microsecond', cohort.due_at, cohort.resolved_at) as double) / 864e8
                as final_days_late""",
}
FINAL_TOTALS = {
    "project": ("final_pledged_amount", "final_funding_ratio"),
    "milestone": ("final_days_late",),
}


_BY_KEY = "order by entity_id, snapshot_at, snapshot_kind"


def feature_catalogue(warehouse: Warehouse) -> dict[str, Features]:
    """Returns the features of each entity, as the contract of their table declares them.

    Raises:
        WarehouseError: The warehouse is of before there was a catalogue.
    """
    warehouse.require("features.feature_catalogue")
    rows = warehouse.fetch(
        "select entity, feature, data_type = 'varchar' from features.feature_catalogue"
        " order by sort_order"
    )
    return {
        entity: Features(
            tuple(name for other, name, is_text in rows if other == entity and not is_text),
            tuple(name for other, name, is_text in rows if other == entity and is_text),
        )
        for entity in ENTITIES
    }


def snapshot_kinds(warehouse: Warehouse, entity: str) -> list[str]:
    """Returns the kinds of snapshot of an entity in the order in which they are taken."""
    rows = warehouse.fetch(
        "select snapshot_kind from features.snapshot_kinds where entity = $entity"
        " order by sort_order",
        entity=entity,
    )
    return [kind for (kind,) in rows]


def check_inputs(warehouse: Warehouse, model: ModelSettings, features: Features) -> None:
    """Makes sure that every table and column the model reads is there and of its kind.

    Raises:
        WarehouseError: The message names the table, the column and the model.
    """
    key = f"{model.entity}_id"
    warehouse.require("core.warehouse_as_of", "as_of")
    warehouse.require(
        *("core.dim_projects", "project_id", "creator_id", "launched_at", "pledged_amount")
    )
    if model.entity == "milestone":
        warehouse.require(
            *("core.fct_milestones", "milestone_id", "project_id", "due_at", "resolved_at")
        )
    table = f"features.{model.entity}_labels"
    known = ("outcome_known_at", "label_window_ends_at")
    types = warehouse.require(table, key, *known, model.label)
    _require_kind(table, model.label, types[model.label], ("BOOLEAN",), "true or false", model)
    table = f"features.{model.entity}_features"
    keys = (key, "project_id", "snapshot_kind", "snapshot_at", "is_decided")
    types = warehouse.require(table, *keys, *features.names, needed_by=model.name)
    for name in features.numeric:
        _require_kind(table, name, types[name], _NUMBER_TYPES, "a number", model)
    for name in features.categorical:
        _require_kind(table, name, types[name], ("VARCHAR",), "text", model)
    known_kinds = snapshot_kinds(warehouse, model.entity)
    for kind in (*model.drift.snapshot_kinds, model.drift.outcome_kind):
        if kind not in known_kinds:
            raise WarehouseError(
                f"models.toml: models.{model.name}.drift names the snapshot kind {kind!r}, which is"
                f" not in features.snapshot_kinds; known here: {', '.join(known_kinds)}"
            )


def column_types(warehouse: Warehouse, model: ModelSettings) -> dict[str, str]:
    """Returns the types that the model's features have in the warehouse."""
    types = warehouse.require(f"features.{model.entity}_features")
    return {name: types[name] for name in model.features.names}


def rolling_cuts(warehouse: Warehouse, model: ModelSettings) -> list[datetime]:
    """Returns for each share of `cuts` the launch by which it of the labelled entities had begun.

    Rising; none when nothing is labelled, and fewer than shares where launches coincide.
    """
    rows = warehouse.fetch(
        f"with {_cohort(model)} select unnest(quantile_disc(launched_at, {[*model.split.cuts]!r}))"
        " from cohort"
    )
    return sorted({cut for (cut,) in rows if cut is not None})


def measurable(cuts: list[datetime]) -> list[datetime]:
    """Returns the cuts that measuring may begin at: from the second on, or the only one."""
    return cuts[1:] or cuts


def first_measured(cuts: list[datetime]) -> datetime | None:
    """Returns the cut that everything measured is launched after, if enough is known by then."""
    return next(iter(measurable(cuts)), None)


def trained_until(warehouse: Warehouse, model: ModelSettings) -> datetime:
    """Returns the timestamp after which nothing is learned from or measured on."""
    until: datetime = warehouse.fetch(f"select {_trained_until(model)}")[0][0]
    return until


def labelled_rows(warehouse: Warehouse, model: ModelSettings) -> pa.RecordBatchReader:
    """Streams every snapshot with a mature label, with all that is learned from or measured on."""
    return warehouse.read(f"{_labelled_sql(model, 'true')} {_BY_KEY}")


def labelled_digest(warehouse: Warehouse, model: ModelSettings) -> str:
    """Digests the same rows."""
    return fingerprints.of_rows(warehouse, _labelled_sql(model, "true"))


def training_rows(
    warehouse: Warehouse, model: ModelSettings, cutoff: datetime, *, open_only: bool = True
) -> pa.Table:
    """Reads snapshots still open at that time of entities whose label window had closed by the cut.

    Without `open_only` also those of which the label was certain already.

    At most `max_train_projects` projects, chosen by a hash of their id, come with all their
    rows. Sorted by key: the same data give the same order of rows.
    """
    closed = "closed_at <= $cutoff"
    where = f"cohort.{closed}" + (" and not features.is_decided" if open_only else "")
    sampled = _sampled(model, closed, model.split.max_train_projects)
    sql = _labelled_sql(model, f"{where} and {sampled}")
    return warehouse.read(f"{sql} {_BY_KEY}", cutoff=cutoff).read_all()


def holdout_rows(
    warehouse: Warehouse,
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
        warehouse: Open for reading.
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
    rows = _labelled_sql(model, where)
    if truth is not None:
        require_truth(warehouse, model, truth)
    sql, files = with_truth(rows, model, truth)
    return warehouse.read(sql, cutoff=cutoff, until=until, **files).read_all()


def require_truth(warehouse: Warehouse, model: ModelSettings, truth: Path) -> None:
    """Makes sure that a truth is that of this platform.

    Raises:
        WarehouseError: It is not readable, or is that of another platform.
    """
    check_truth(warehouse, model, truth, _cohort(model))


def rows_between(
    warehouse: Warehouse, model: ModelSettings, after: datetime, until: datetime
) -> tuple[pa.Table, int]:
    """Reads open fixed snapshots taken in (after, until] whose label window has closed.

    Returns:
        The rows of `holdout_rows`, and how many other such snapshots are still pending.
    """
    window = "features.snapshot_at > $after and features.snapshot_at <= $until"
    where = f"not features.is_decided and {window}"
    rows = _labelled_sql(model, where)
    sql, _ = with_truth(rows, model, None)
    mature = warehouse.read(sql, after=after, until=until).read_all()
    [(count,)] = warehouse.fetch(
        f"select count(*) from features.{model.entity}_features as features"
        f" where features.snapshot_kind <> 'current' and {where}",
        after=after,
        until=until,
    )
    return mature, count - mature.num_rows


def _cohort(model: ModelSettings) -> str:
    until = _trained_until(model)
    labelled = _LABELLED[model.entity].format(label=model.label, until=until)
    return (
        f"labelled as ({labelled}), cohort as (select * from labelled where closed_at <= {until})"
    )


def _trained_until(model: ModelSettings) -> str:
    # days are counted from a Monday, so it follows from `as_of` alone
    days = model.train_every_days
    until = f"time_bucket(interval {days} days, as_of)" if days else "as_of"
    return f"(select {until} from core.warehouse_as_of)"


def _sampled(model: ModelSettings, condition: str, count: int) -> str:
    return f"""cohort.project_id in (
            select project_id
            from (select distinct project_id from cohort where {condition}) as projects
            order by md5(cast(project_id as varchar) || '/{model.seed}')
            limit {count})"""


def _labelled_sql(model: ModelSettings, where: str) -> str:
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
            {feature_columns(model.features)},
            {_BESIDE[model.entity]}
        from cohort
        inner join features.{model.entity}_features as features
            on cohort.entity_id = features.{model.entity}_id
        where features.snapshot_kind <> 'current'
            and features.snapshot_at <= {_trained_until(model)}
            and {where}"""


def feature_columns(features: Features) -> str:
    """Returns the same as a list of columns for a `select`."""
    return ", ".join(f"{sql} as {name}" for name, sql in feature_expressions(features).items())


def feature_json(features: Features) -> str:
    """Returns the SQL of the values of all features as one JSON value."""
    values = ", ".join(f"{name} := {sql}" for name, sql in feature_expressions(features).items())
    return f"to_json(struct_pack({values}))"


def feature_expressions(features: Features) -> dict[str, str]:
    """Returns the SQL expression of each feature that a model reads, by name."""
    return {name: f"cast(features.{name} as double)" for name in features.numeric} | {
        name: f"features.{name}" for name in features.categorical
    }


def _require_kind(
    table: str, column: str, found: str, wanted: tuple[str, ...], needed: str, model: ModelSettings
) -> None:
    if not found.startswith(wanted):
        raise WarehouseError(
            f"{table}.{column} is of type {found}; {model.name} needs {needed} there:"
            " build it again (make run) or correct models.toml"
        )
