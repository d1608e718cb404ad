"""features.project_features by hand, in Polars: `make` returns what `FORMULAS` need."""

from datetime import timedelta

import polars as pl
import polars.selectors as cs
from polars import col

HOURS = {"launch": 0, "h4": 4, "h36": 36, "d3": 72, "d6": 144, "d14": 336, "d21": 504}
KINDS = {"part": range(8), "snapshot_kind": [*HOURS, "current"], "after": [*HOURS.values(), None]}
HOUR, DAY, KEYS = 3_600_000_000, 86_400_000_000, ["project_id", "part"]


def make(raw, as_of, formulas):
    projects = pl.scan_parquet(raw / "projects.parquet").filter(col("launched_at") < as_of)
    goal = (col("funding_goal") * 100).cast(pl.Int64)
    projects = projects.with_columns(cut("cancelled_at", as_of), goal=goal)
    pledges = pl.scan_parquet(raw / "pledges.parquet").filter(col("pledged_at") < as_of)
    pledges = pledges.with_columns((col("amount") * 100).cast(pl.Int64))
    parts = campaign_parts(pledges, projects.select("project_id", "launched_at"), as_of)
    total = pledges.group_by("project_id").agg(total=col("amount").sum())
    is_met = col("cancelled_at").is_null() & (col("total") >= col("goal")).fill_null(False)
    over_at = pl.when(col("deadline_at") <= as_of).then("deadline_at")
    projects = projects.join(total, on="project_id", how="left").with_columns(
        ok=is_met.cast(pl.Int64), known_at=pl.coalesce("cancelled_at", over_at)
    )
    known = projects.filter(col("known_at").is_not_null())
    sent = deliveries(pl.scan_parquet(raw / "milestones.parquet"), known.filter(ok=1), as_of)
    rows = with_past(projects, projects.with_columns(known_at="launched_at"), "creator_id", "by")
    rows = with_past(rows, known, "creator_id", "creator")
    rows = with_past(rows, known, "category", "category")
    rows = with_past(rows, sent, "creator_id", "delivered").join(parts, on="project_id")
    taken_at = pl.coalesce(col("launched_at") + pl.duration(hours="after"), pl.lit(as_of))
    rows = rows.with_columns(snapshot_at=taken_at).with_columns(
        weekday=col("launched_at").dt.weekday(),
        month=col("launched_at").dt.month(),
        elapsed=between("launched_at", "snapshot_at") / DAY,
        days=between("launched_at", "deadline_at") / DAY,
        idle=between("last_at", "snapshot_at") / HOUR,
    )
    at = col("snapshot_at")
    is_on = (at < col("deadline_at")) & (at < col("cancelled_at")).fill_null(True)
    rows = rows.filter((at <= as_of) & is_on).with_columns(cs.numeric().cast(pl.Float64))
    columns = [pl.sql_expr(formula).alias(name) for name, formula in formulas.items()]
    return rows.select(columns).collect(engine="streaming").to_arrow()


def cut(name, as_of):
    return pl.when(col(name) < as_of).then(name).alias(name)


def between(earlier, later):
    return (col(later) - col(earlier)).dt.total_microseconds()


def part_of(age):
    ends = [*HOURS.values()][1:]
    return 1 + pl.sum_horizontal((age >= end * HOUR).cast(pl.Int64) for end in ends)


def campaign_parts(pledges, launches, as_of):
    kinds = pl.LazyFrame(KINDS, schema_overrides={"part": pl.Int64, "after": pl.Int64})
    aged = pledges.join(launches, on="project_id")
    aged = aged.with_columns(age=between("launched_at", "pledged_at"))
    aged = aged.with_columns(part=part_of(col("age"))).join(kinds, on="part")
    sums = aged.group_by(KEYS).agg(
        col("amount").sum(),
        pledges=pl.len().cast(pl.Int64),
        largest=col("amount").max(),
        last_at=col("pledged_at").max(),
        recent=(col("pledged_at") >= as_of - timedelta(days=1)).cast(pl.Int64).sum(),
        last_day=(col("age") >= (col("after") - 24) * HOUR).cast(pl.Int64).sum(),
    )
    backers = pledges.group_by("project_id", "backer_id").agg(col("pledged_at").min())
    first = backers.group_by("backer_id").agg(first=col("pledged_at").min())
    backers = backers.join(first, on="backer_id").join(launches, on="project_id")
    backers = backers.with_columns(part=part_of(between("launched_at", "pledged_at")))
    is_repeater = (col("first") < col("pledged_at")).cast(pl.Int64)
    backers = backers.group_by(KEYS).agg(
        backers=pl.len().cast(pl.Int64), repeaters=is_repeater.sum()
    )
    parts = launches.select("project_id").join(kinds, how="cross")
    parts = parts.join(sums, on=KEYS, how="left").join(backers, on=KEYS, how="left").sort(KEYS)
    added = col("pledges", "amount", "recent", "backers", "repeaters").fill_null(0)
    return parts.with_columns(
        added.cum_sum().over("project_id"),
        col("largest").fill_null(0).cum_max().over("project_id"),
        col("last_at").forward_fill().over("project_id"),  # later parts, later pledges
    ).with_columns(
        last_day=pl.when(col("part") == 7).then("recent").otherwise("last_day").fill_null(0)
    )


def deliveries(milestones, funded, as_of):
    """Milestones that started, whether they were on time, and when that was known."""
    funded = funded.select("project_id", "creator_id", "deadline_at")
    found = milestones.join(funded, on="project_id").sort("project_id", "milestone_number")
    is_approved = (col("resolution") == "approved") & (col("resolved_at") < as_of)
    previous = pl.when(is_approved).then("resolved_at").shift().over("project_id")
    is_first = col("milestone_number") == 1
    found = found.with_columns(cut("submitted_at", as_of), previous=previous)
    started_at = pl.max_horizontal("deadline_at", pl.when(~is_first).then("previous"))
    sent_or_due_at = pl.min_horizontal("submitted_at", "due_at")
    return found.filter(is_first | col("previous").is_not_null()).with_columns(
        known_at=pl.max_horizontal(started_at, sent_or_due_at),
        ok=(col("submitted_at") <= col("due_at")).fill_null(False).cast(pl.Int64),
    )


def with_past(rows, events, by, name):
    """Adds how many events, and how many good ones, were known strictly before each launch."""
    n, ok = f"{name}_n", f"{name}_ok"
    events = events.sort("known_at").select(
        by,
        col("known_at").alias("at"),
        pl.int_range(1, pl.len() + 1).over(by).alias(n),
        col("ok").cum_sum().over(by).alias(ok),
    )
    options = {"allow_exact_matches": False, "check_sortedness": False}
    rows = rows.sort("launched_at")
    rows = rows.join_asof(events, left_on="launched_at", right_on="at", by=by, **options)
    return rows.drop("at").with_columns(col(n, ok).fill_null(0))
