"""A small made-up platform in DuckDB, with the tables that dbt gives to ml."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from tests import declared
from tests.ml import ml_state

Columns = dict[str, Any]
AS_OF = datetime(2024, 1, 1, 0, 0, 0, 1)
STARTS_AT = datetime(2021, 1, 1)
# the last one would cost every test, and no test asks about it
PROJECT_KINDS = [
    (kind, hours)
    for kind, hours in declared.snapshot_kinds("project").items()
    if hours is not None and kind != "d21"
]
DAY = 86_400_000_000  # microseconds
CATEGORIES = np.array([f"Category {number}" for number in range(15)])
COUNTRIES = np.array(["US", "GB", "CA", "AU", "DE", None], dtype=object)
STRATEGIES = np.array(
    ["equal_tranches", "front_loaded", "back_loaded", "holdback_20", None], dtype=object
)

DDL = """
create schema core;
create table core.warehouse_as_of (as_of timestamp);
create table core.dim_projects (
    project_id bigint, creator_id bigint, title varchar, category varchar, country varchar,
    funding_goal decimal(18,2), launched_at timestamp, deadline_at timestamp,
    cancelled_at timestamp, release_strategy varchar, pledged_amount decimal(18,2),
    pledge_count bigint, backer_count bigint, project_status varchar, is_successful boolean,
    outcome_known_at timestamp, funded_at timestamp);
create table core.fct_milestones (
    milestone_id bigint, project_id bigint, milestone_number bigint, title varchar,
    funding_amount decimal(18,2), due_at timestamp, submitted_at timestamp, resolved_at timestamp,
    resolution varchar, started_at timestamp, grace_ends_at timestamp, milestone_status varchar);
"""


def micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1)) / timedelta(microseconds=1))


def stamps(values: Any, known: Any = None) -> pa.Array:
    mask = None if known is None else ~known
    return pa.array(np.asarray(values, dtype=np.int64), pa.timestamp("us"), mask=mask)


def numbers(values: Any, known: Any) -> pa.Array:
    return pa.array(np.asarray(values, dtype=np.float64), mask=~known)


def draw_projects(rng: np.random.Generator, count: int) -> Columns:
    """Projects whose final funding follows a latent quality; 8 % are cancelled half-way."""
    start, end = micros(STARTS_AT), micros(AS_OF)
    launched = np.sort(rng.integers(start, end, count))
    days = rng.choice([20, 30, 30, 45, 60], count)
    quality, goal = rng.normal(size=count), np.round(np.exp(rng.normal(8.5, 1.2, count)), 2)
    category, prior = rng.integers(0, len(CATEGORIES), count), rng.poisson(0.8, count)
    log_final = 1.5 * quality + 0.08 * (category - 7) - 0.15 * (np.log(goal) - 8.5)
    final = np.exp(log_final + rng.normal(0, 0.8, count) - 0.4)
    cancelled = (rng.random(count) < 0.08) & (final < 1)
    deadline = launched + days * DAY
    closed = np.where(cancelled, launched + days * DAY // 2, deadline)
    return dict(
        project_id=np.arange(1, count + 1), launched=launched, deadline=deadline, days=days,
        goal=goal, category=category, prior=prior, quality=quality, final=final, closed=closed,
        cancelled=cancelled, success=(final >= 1) & ~cancelled, country=rng.integers(0, 6, count),
    )  # fmt: skip


def project_snapshot(rng: np.random.Generator, p: Columns, at: Any, kind: str) -> pa.Table:
    """One row per project at the moment `at`; funding grows towards the final ratio."""
    n = len(at)
    elapsed = (at - p["launched"]) / (p["deadline"] - p["launched"])
    share = np.clip(elapsed**0.8 * np.exp(rng.normal(0, 0.3, n)), 0, 1) * (elapsed > 0)
    ratio = p["final"] * share
    pledges = np.floor(ratio * p["goal"] / 60).astype(np.int64)
    some, prior = pledges > 0, p["prior"] > 0
    ratio = np.where(some, ratio, 0.0)
    launched = p["launched"].astype("datetime64[us]")
    month = launched.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weekday = (launched.astype("datetime64[D]").astype(np.int64) + 3) % 7 + 1
    past = 1 / (1 + np.exp(-p["quality"] - rng.normal(0, 0.7, n)))
    lasting = np.maximum(elapsed * p["days"], 1e-9)
    return pa.table({
        "project_id": p["project_id"], "snapshot_kind": pa.array([kind] * n, pa.string()),
        "snapshot_at": stamps(at),
        "is_decided": ratio >= 1, "category": pa.array(CATEGORIES[p["category"]]),
        "country": pa.array(COUNTRIES[p["country"]], pa.string()), "funding_goal": p["goal"],
        "duration_days": p["days"].astype(float), "launch_weekday": weekday,
        "launch_month": month, "prior_project_count": p["prior"], "prior_outcome_count": p["prior"],
        "prior_success_ratio": numbers(past, prior),
        "prior_on_time_ratio": numbers(past, p["prior"] > 1), "is_first_time_creator": ~prior,
        "category_base_rate": 0.4 + p["category"] / 100, "reputation_score": 0.5 * past + 0.2,
        "elapsed_ratio": elapsed, "pledge_count": pledges,
        "unique_backer_count": np.ceil(pledges * 0.9).astype(np.int64),
        "pledged_amount": np.round(ratio * p["goal"], 2), "funding_ratio": ratio,
        "funding_velocity": numbers(pledges / lasting, elapsed > 0),
        "pace_ratio": numbers(ratio / np.maximum(elapsed, 1e-9), elapsed > 0),
        "average_pledge_amount": numbers(ratio * p["goal"] / np.maximum(pledges, 1), some),
        "largest_pledge_ratio": numbers(1 / np.maximum(pledges, 1) ** 0.5, some),
        "pledge_count_last_24h": np.floor(pledges / np.maximum(lasting, 1)).astype(np.int64),
        "hours_since_last_pledge": numbers(rng.exponential(30, n), some),
        "repeat_backer_ratio": numbers(rng.beta(2, 4, n), some),
    })  # fmt: skip


def project_snapshots(rng: np.random.Generator, p: Columns) -> pa.Table:
    as_of, tables = micros(AS_OF), []
    for kind, hours in PROJECT_KINDS:
        at = p["launched"] + hours * DAY // 24
        keep = (at < p["closed"]) & (at <= as_of)
        tables.append(project_snapshot(rng, {k: v[keep] for k, v in p.items()}, at[keep], kind))
    live = {k: v[p["closed"] > as_of] for k, v in p.items()}
    now = np.full(len(live["project_id"]), as_of)
    return pa.concat_tables([*tables, project_snapshot(rng, live, now, "current")])


def draw_milestones(rng: np.random.Generator, p: Columns) -> Columns:
    """Four milestones per funded project, one started after the other; trouble makes them late."""
    funded = np.flatnonzero(p["success"] & (p["deadline"] <= micros(AS_OF)))
    n = len(funded)
    trouble = rng.normal(size=n) - 0.8 * p["quality"][funded]
    parts, starts = [], p["deadline"][funded]
    due = starts.copy()
    for number in range(1, 5):
        planned = rng.gamma(4.0, 8.0, n) + 3
        due = due + (planned * DAY).astype(np.int64)
        slip = 16 * trouble + rng.normal(0, 14, n)
        submitted = np.maximum(starts + DAY, due + (slip * DAY).astype(np.int64))
        resolved = submitted + (rng.gamma(2.0, 3.0, n) * DAY).astype(np.int64)
        delivered = rng.random(n) > 0.04
        parts.append(dict(
            milestone_number=np.full(n, number), project=funded, started=starts, due=due,
            planned=planned, trouble=trouble, delivered=delivered,
            submitted=np.where(delivered, submitted, np.iinfo(np.int64).max // 2),
            resolved=np.where(delivered, resolved, np.iinfo(np.int64).max // 2),
            approved=rng.random(n) < 1 / (1 + np.exp(trouble - 2.5)),
        ))  # fmt: skip
        starts = np.where(delivered, resolved, np.iinfo(np.int64).max // 2)
    m = {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
    order = np.lexsort((m["milestone_number"], m["project"]))
    m = {k: v[order] for k, v in m.items()}
    m["milestone_id"] = np.arange(1, len(order) + 1)
    m["grace"] = m["due"] + 14 * DAY
    m["risky"] = ~(m["approved"] & (m["resolved"] <= m["grace"]))
    m["known"] = np.minimum(m["resolved"], m["grace"])
    return m


def milestone_snapshot(
    rng: np.random.Generator, p: Columns, m: Columns, at: Any, kind: str
) -> pa.Table:
    n, project = len(at), m["project"]
    submitted = m["submitted"] < at
    waited = np.where(submitted, np.minimum((at - m["submitted"]) / DAY, 30), 0)
    votes = np.floor(waited * rng.gamma(2.0, 2.0, n)).astype(np.int64)
    some, later = votes > 0, m["milestone_number"] > 1
    liking = 1 / (1 + np.exp(m["trouble"] - 1 + rng.normal(0, 0.5, n)))
    return pa.table({
        "milestone_id": m["milestone_id"], "project_id": p["project_id"][project],
        "snapshot_kind": pa.array([kind] * n, pa.string()), "snapshot_at": stamps(at),
        "is_decided": (m["resolved"] < at) | (m["grace"] <= at),
        "funding_amount": np.round(p["goal"][project] / 4, 2),
        "funding_share_ratio": np.full(n, 0.25), "milestone_number": m["milestone_number"],
        "milestone_count": np.full(n, 4), "planned_days": m["planned"],
        "days_past_due": (at - m["due"]) / DAY,
        "late_start_ratio": np.clip(1 + (m["started"] - m["due"]) / DAY / m["planned"], -1, 2),
        "overfunding_ratio": p["final"][project],
        "project_on_time_ratio": numbers(liking, later),
        "creator_on_time_ratio": numbers(liking, p["prior"][project] > 0),
        "creator_rejection_ratio": numbers(1 - liking, p["prior"][project] > 0),
        "is_submitted": submitted, "vote_count": votes, "approval_ratio": numbers(liking, some),
        "days_since_submission": numbers(waited, submitted),
        "approval_z_score": numbers(np.clip((2 * liking - 1) * np.sqrt(votes), -2, 2), some),
        "turnout_ratio": numbers(np.minimum(votes / 40, 1), submitted),
        "hours_to_first_vote": numbers(rng.exponential(20, n), some),
        "release_strategy": pa.array(STRATEGIES[project % 5], pa.string()),
    })  # fmt: skip


def milestone_snapshots(rng: np.random.Generator, p: Columns, m: Columns) -> pa.Table:
    as_of = micros(AS_OF)
    moments = (
        ("start", m["started"]), ("due", np.where(m["due"] > m["started"], m["due"], as_of + 1)),
        ("vote_1d", m["submitted"] + DAY), ("vote_3d", m["submitted"] + 3 * DAY),
    )  # fmt: skip
    tables = []
    for kind, at in moments:
        keep = (m["started"] <= as_of) & (at <= as_of)
        chosen = {k: v[keep] for k, v in m.items()}
        tables.append(milestone_snapshot(rng, p, chosen, at[keep], kind))
    begun = (m["started"] <= as_of) & (m["resolved"] > as_of) & (as_of < m["due"] + 180 * DAY)
    now = {k: v[begun] for k, v in m.items()}
    current = milestone_snapshot(rng, p, now, np.full(begun.sum(), as_of), "current")
    return pa.concat_tables([*tables, current])


def core_projects(p: Columns) -> pa.Table:
    return pa.table({
        "project_id": p["project_id"], "creator_id": p["project_id"] % 500,
        "category": pa.array(CATEGORIES[p["category"]]), "funding_goal": p["goal"],
        "launched_at": stamps(p["launched"]), "deadline_at": stamps(p["deadline"]),
        "cancelled_at": stamps(p["closed"], p["cancelled"] & (p["closed"] <= micros(AS_OF))),
        "pledged_amount": np.round(p["final"] * p["goal"], 2),
    })  # fmt: skip


def build_world(path: Path, *, project_count: int, seed: int) -> Path:
    """Writes a warehouse file of `project_count` projects; equal arguments give equal tables."""
    rng, as_of = np.random.default_rng(seed), micros(AS_OF)
    p = draw_projects(rng, project_count)
    m = draw_milestones(rng, p)
    known, labelled = p["closed"] <= as_of, (m["known"] <= as_of) & (m["started"] <= as_of)
    tables = {
        "core.warehouse_as_of": pa.table({"as_of": stamps([as_of])}),
        "core.dim_projects": core_projects(p),
        "core.fct_milestones": pa.table({
            "milestone_id": m["milestone_id"], "project_id": p["project_id"][m["project"]],
            "milestone_number": m["milestone_number"], "due_at": stamps(m["due"]),
            "started_at": stamps(m["started"], m["started"] <= as_of),
            "resolved_at": stamps(m["resolved"], m["resolved"] <= as_of),
            "grace_ends_at": stamps(m["grace"]),
        }),
        "features.project_features": project_snapshots(rng, p),
        "features.milestone_features": milestone_snapshots(rng, p, m),
        "features.project_labels": pa.table({
            "project_id": p["project_id"][known], "is_successful": p["success"][known],
            "outcome_known_at": stamps(p["closed"][known]),
            "label_window_ends_at": stamps(p["deadline"][known]),
        }),
        "features.milestone_labels": pa.table({
            "milestone_id": m["milestone_id"][labelled], "is_high_risk": m["risky"][labelled],
            "outcome_known_at": stamps(m["known"][labelled]),
            "label_window_ends_at": stamps(m["grace"][labelled]),
        }),
    }  # fmt: skip
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute(DDL)
        declared.create_tables(connection)
        ml_state.install(connection)
        for table, rows in tables.items():
            connection.register("rows", rows)
            connection.execute(f"insert into {table} by name select * from rows")
            connection.unregister("rows")
    return path


def write_truth(db: Path, folder: Path, *, ceiling: bool = False, where: str = "true") -> Path:
    """Writes what `make truth` would: a chance for every snapshot of a project with an outcome."""
    chance = "(case when {label} then 0.7 else 0.1 end + 0.2 * ({key} % 10) / 10.0)"
    project = chance.format(label="is_successful", key="project_id")
    milestone = chance.format(label="is_high_risk", key="milestone_id")
    snapshots = f"""select project_id, snapshot_kind, {project} as success_probability,
            is_successful
        from features.project_features inner join features.project_labels using (project_id)
        where snapshot_kind <> 'current' and {where}"""
    milestones = f"""select milestone_id, {milestone} as risk_probability, is_high_risk
        from features.milestone_labels"""
    ceilings = f"""select project_id as entity_id, snapshot_kind,
            0.02 + 0.96 * success_probability as probability
        from ({snapshots}) as truth"""
    folder.mkdir()
    with duckdb.connect(str(db)) as connection:
        for name, sql in (
            ("truth_snapshots", snapshots),
            ("truth_milestones", milestones),
            *([("ceiling_project_success", ceilings)] if ceiling else []),
        ):
            connection.execute(f"copy ({sql}) to '{folder / name}.parquet'")
    return folder
