"""features.project_features by hand, in pandas: `make` returns what `FORMULAS` need."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HOURS = {"launch": 0, "h4": 4, "h36": 36, "d3": 72, "d6": 144, "d14": 336, "d21": 504}
ENDS = np.array([*HOURS.values()][1:])
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


def make(raw, as_of, formulas):
    projects = read(raw / "projects.parquet", "funding_goal").query("launched_at < @as_of")
    projects = projects.rename(columns={"funding_goal": "goal"})
    projects["cancelled_at"] = projects.cancelled_at.where(projects.cancelled_at < as_of)
    pledges = read(raw / "pledges.parquet", "amount").query("pledged_at < @as_of")
    parts = campaign_parts(pledges, projects.set_index("project_id").launched_at, as_of)
    total = pledges.groupby("project_id").amount.sum().reindex(projects.project_id, fill_value=0)
    over_at = projects.deadline_at.where(projects.deadline_at <= as_of)
    projects["known_at"] = projects.cancelled_at.fillna(over_at)
    projects["ok"] = (total.to_numpy() >= projects.goal) & projects.cancelled_at.isna()
    known = projects[projects.known_at.notna()]
    rows = with_past(projects, projects.assign(known_at=projects.launched_at), "creator_id", "by")
    rows = with_past(rows, known, "creator_id", "creator")
    rows = with_past(rows, known, "category", "category")
    sent = deliveries(read(raw / "milestones.parquet"), known[known.ok], as_of)
    rows = with_past(rows, sent, "creator_id", "delivered").merge(parts, on="project_id")
    at = (rows.launched_at + rows.snapshot_kind.map(HOURS) * HOUR).fillna(as_of)
    rows = rows.assign(
        snapshot_at=at,
        weekday=rows.launched_at.dt.dayofweek + 1,
        month=rows.launched_at.dt.month,
        elapsed=(at - rows.launched_at) / DAY,
        days=(rows.deadline_at - rows.launched_at) / DAY,
        idle=(at - rows.last_at) / HOUR,
    )
    is_on = rows.cancelled_at.isna() | (at < rows.cancelled_at)
    rows = rows[(at <= as_of) & (at < rows.deadline_at) & is_on]
    found = pd.DataFrame({name: rows.eval(formula) for name, formula in formulas.items()})
    return pa.Table.from_pandas(found, preserve_index=False)


def read(path, money=None):
    table = pq.read_table(path)
    if money:
        cents = pc.cast(pc.multiply(table[money], 100), "int64")
        table = table.set_column(table.column_names.index(money), money, cents)
    return table.to_pandas()


def campaign_parts(pledges, launches, as_of):
    part, age = part_of(pledges.project_id, pledges.pledged_at, launches)
    pledges["part"], pledges["recent"] = part, pledges.pledged_at >= as_of - DAY
    pledges["last_day"] = age >= np.append(ENDS, 10**6)[part - 1] - 24
    groups = pledges.groupby(["project_id", "part"])
    parts = groups[["amount", "recent", "last_day"]].sum()
    parts = parts.assign(pledges=groups.size(), last_at=groups.pledged_at.max())
    parts["largest"] = groups.amount.max()
    backers = pledges.groupby(["project_id", "backer_id"]).pledged_at.min().reset_index()
    first = backers.groupby("backer_id").pledged_at.transform("min")
    backers["repeaters"], backers["backers"] = first < backers.pledged_at, 1
    backers["part"], _ = part_of(backers.project_id, backers.pledged_at, launches)
    parts = parts.join(backers.groupby(["project_id", "part"])[["backers", "repeaters"]].sum())
    kinds = pd.Index([*HOURS, "current"])
    grid = pd.MultiIndex.from_product([launches.index, range(8)], names=["project_id", "part"])
    parts = parts.reindex(grid)
    last_day, last_at, largest = (parts.pop(name) for name in ("last_day", "last_at", "largest"))
    parts = parts.fillna(0).groupby("project_id").cumsum()
    parts["last_day"] = last_day.fillna(0).where(grid.codes[1] < 7, parts.recent)
    parts["last_at"] = last_at.groupby("project_id").ffill()  # later parts, later pledges
    parts["largest"] = largest.fillna(0).groupby("project_id").cummax()
    return parts.assign(snapshot_kind=kinds[grid.codes[1]]).reset_index()


def part_of(project_id, at, launches):
    age = ((at - project_id.map(launches)) / HOUR).to_numpy()
    return np.searchsorted(ENDS, age, side="right") + 1, age


def deliveries(milestones, funded, as_of):
    """Milestones that started, whether they were on time, and when that was known."""
    found = milestones.merge(funded[["project_id", "creator_id", "deadline_at"]], on="project_id")
    found = found.sort_values(["project_id", "milestone_number"])
    is_approved = (found.resolution == "approved") & (found.resolved_at < as_of)
    previous = found.resolved_at.where(is_approved).groupby(found.project_id).shift()
    is_first = found.milestone_number == 1
    started_at = np.maximum(found.deadline_at, previous.where(~is_first, found.deadline_at))
    sent_at = found.submitted_at.where(found.submitted_at < as_of)
    found["known_at"] = np.maximum(started_at, np.fmin(sent_at, found.due_at))
    found["ok"] = sent_at <= found.due_at
    return found[is_first | previous.notna()]


def with_past(rows, events, by, name):
    """Adds how many events, and how many good ones, were known strictly before each launch."""
    events = events.sort_values("known_at")
    n, ok = events.groupby(by).cumcount() + 1, events.groupby(by).ok.cumsum()
    past = pd.DataFrame({by: events[by], "at": events.known_at, f"{name}_n": n, f"{name}_ok": ok})
    rows, on = rows.sort_values("launched_at"), {"left_on": "launched_at", "right_on": "at"}
    found = pd.merge_asof(rows, past, **on, by=by, allow_exact_matches=False).drop(columns="at")
    return found.fillna({f"{name}_n": 0, f"{name}_ok": 0})
