"""The ledger by month: what moved, and what was held at its end, by the state of its project."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
from markupsafe import Markup

from pages.charts import COLORS, FAINT, chart, colors, time_axis, values
from pages.formats import day, money
from pages.published import Published

Rows = Sequence[dict[str, Any]]
STATES = {
    "live_amount": "live campaigns",
    "open_amount": "milestone not yet due",
    "late_amount": "milestone late",
    "submitted_amount": "milestone submitted",
}
_STATE_COLORS = (COLORS[0], COLORS[2], COLORS[1], COLORS[3])
_FLOWS = {"released_amount": "released", "refunded_amount": "refunded"}
_MOVED = ("pledged_amount", *_FLOWS)
_FLOW_COLORS = (FAINT, COLORS[4])
_LINE_COLORS = (COLORS[0], *_FLOW_COLORS, COLORS[2])
_HEIGHT = 220
# Several pages add the ledger up further, and most of it are pledges of the same day.
_MOVED_SUMS = """
    select
        project_id, transaction_type, milestone_id, occurred_at,
        count(*) as movement_count, sum(amount) as amount
    from core.fct_escrow_transactions
    where transaction_type <> 'deposit'
    group by all
    union all
    select
        project_id, 'deposit', null, date_trunc('day', occurred_at)::timestamp,
        count(*), sum(amount)
    from core.fct_escrow_transactions
    where transaction_type = 'deposit'
    group by project_id, date_trunc('day', occurred_at)"""
# A balance lasts until the next movement of its project. What happens at the end of a month belongs
# to the next one; the last month holds the timestamp of the warehouse, at which deadlines pass.
_MONTHS = """
with months as (
    select
        month,
        least(month + interval 1 month, as_of + interval 1 microsecond) as ends_at
    from (
        select
            as_of,
            unnest(generate_series(
                date_trunc('month', min(occurred_at)),
                date_trunc('month', greatest(max(occurred_at), as_of - interval 1 microsecond)),
                interval 1 month
            )) as month
        from {moved}
        cross join core.warehouse_as_of
        group by as_of
    )
),
monthly as (
    select
        project_id,
        date_trunc('month', occurred_at) as month,
        coalesce(sum(amount) filter (transaction_type = 'deposit'), 0) as pledged_amount,
        coalesce(sum(amount) filter (transaction_type = 'release'), 0) as released_amount,
        coalesce(sum(amount) filter (transaction_type = 'refund'), 0) as refunded_amount
    from {moved}
    group by all
),
flows as (
    select month, sum(columns('_amount$')) from monthly group by month
),
balances as (
    select
        project_id,
        month as from_month,
        lead(month) over by_month as until_month,
        sum(pledged_amount - released_amount - refunded_amount) over by_month as held_amount
    from monthly
    window by_month as (partition by project_id order by month)
),
held as (
    select month, ends_at, project_id, held_amount
    from balances
    inner join months on from_month <= month and month < coalesce(until_month, 'infinity')
    where held_amount <> 0
),
states as (
    select
        held.month,
        any_value(held_amount) as held_amount,
        case
            when any_value(funded_at) is null or any_value(funded_at) >= any_value(ends_at)
                then 'live'
            when bool_or(submitted_at < ends_at) then 'submitted'
            when bool_or(due_at < ends_at) then 'late'
            else 'open'
        end as state
    from held
    inner join core.dim_projects using (project_id)
    left join core.fct_milestones as milestones
        on
            held.project_id = milestones.project_id
            and started_at < ends_at
            and coalesce(resolved_at >= ends_at, true)
    group by held.month, held.project_id
),
totals as (
    select
        month,
        sum(held_amount) as held_amount,
        sum(held_amount) filter (state = 'live') as live_amount,
        sum(held_amount) filter (state = 'open') as open_amount,
        sum(held_amount) filter (state = 'late') as late_amount,
        sum(held_amount) filter (state = 'submitted') as submitted_amount
    from states
    group by month
)
select
    cast(month as date) as month,
    cast(ends_at - interval 1 microsecond as date) as last_day,
    coalesce(columns(* exclude (month, ends_at)), 0)
from months
left join flows using (month)
left join totals using (month)
order by month
"""


@lru_cache(maxsize=1)  # of one file, more than one page reads it
def moved(published: Published) -> str:
    """Keeps what moved, pledges by day and the rest by time, as a table, and returns its name."""
    published.fetch(f"create or replace temp table moved as {_MOVED_SUMS}")
    return "moved"


@lru_cache(maxsize=1)  # of one file, more than one page shows it
def months(published: Published) -> list[dict[str, Any]]:
    """Returns what moved in each month, and what was held at its end; none without a pledge."""
    return published.rows(_MONTHS.format(moved=moved(published)))


def held_chart(rows: Rows) -> Markup:
    """Draws what was held at the end of each month by state, above what left in it."""
    # nothing was held when the first month began; balances stand at the end of theirs
    ends = [{"last_day": rows[0]["month"]} | dict.fromkeys(STATES, 0), *rows]
    held = [
        {"last_day": row["last_day"], "state": state, "amount": row[key], "place": place}
        for row in ends
        for place, (key, state) in enumerate(STATES.items())
    ]
    left = [
        {"month": row["month"], "last_day": row["last_day"], "flow": flow, "amount": row[key]}
        for row in rows
        for key, flow in _FLOWS.items()
    ]

    def build(width: int) -> Any:
        above = (
            alt.Chart(values(held), width=width, height=_HEIGHT)
            .mark_area()
            .encode(
                x=time_axis("last_day"),
                y=_amount_axis("Held at month's end"),
                color=colors("state", [*STATES.values()], _STATE_COLORS, width),
                order=alt.Order("place:O"),
                tooltip=_tooltip("state"),
            )
        )
        below = _bars(left, width, [*_FLOWS.values()])
        return alt.vconcat(above, below, spacing=18).resolve_scale(color="independent", x="shared")

    last = rows[-1]
    parts = ", ".join(f"{money(last[key])} {state}" for key, state in STATES.items())
    text = (
        f"Money held at the end of each of {len(rows)} months by the state of its project, and"
        f" what was released and refunded in each. On {day(last['last_day'])}"
        f" {money(last['held_amount'])} is held: {parts}."
    )
    return chart("escrow", build, text=text)


def ledger_chart(rows: Rows) -> Markup:
    """Draws what came in and what left in each month, and what was held at its end."""
    lines = {"pledged_amount": "pledged"} | _FLOWS | {"held_amount": "held at month's end"}
    moved = [
        {"last_day": row["last_day"], "line": line, "amount": row[key]}
        for row in rows
        for key, line in lines.items()
    ]

    def build(width: int) -> Any:
        return (
            alt.Chart(values(moved), width=width, height=_HEIGHT)
            .mark_line(point={"size": 12})
            .encode(
                x=time_axis("last_day"),
                y=_amount_axis("Amount"),
                color=colors("line", [*lines.values()], _LINE_COLORS, width),
                tooltip=_tooltip("line"),
            )
        )

    sums = ", ".join(f"{money(sum(row[key] for row in rows))} {lines[key]}" for key in _MOVED)
    text = f"Money that moved in each of {len(rows)} months, in all {sums}, and what was held."
    return chart("ledger", build, text=text)


def _bars(rows: Rows, width: int, flows: list[str]) -> Any:
    return (
        alt.Chart(values(rows), width=width, height=_HEIGHT // 2)
        .mark_bar()
        .encode(
            x=time_axis("month").timeUnit("utcyearmonth"),
            y=_amount_axis("Left in the month"),
            color=colors("flow", flows, _FLOW_COLORS, width),
            tooltip=_tooltip("flow"),
        )
    )


def _amount_axis(title: str) -> alt.Y:
    """Returns a vertical axis of money, in thousands (k), millions (M) and so on."""
    return alt.Y("amount:Q", axis=alt.Axis(title=title, format="~s", tickCount=4))


def _tooltip(field: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("last_day:T", format="%d %B %Y", formatType="utc", title="Month to"),
        alt.Tooltip(f"{field}:N", title="What"),
        alt.Tooltip("amount:Q", format=",.2f", title="Amount"),
    ]
