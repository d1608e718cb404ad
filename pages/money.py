"""The page about money: the ledger by month, refunds, age and concentration, reconciliation."""

from typing import Any

from pages import escrow, reconciliation
from pages.published import Published
from pages.site import Site
from pages.tables import Column

MAX_ROWS = 10
_REFUNDS = """
    with causes as (
        select
            coalesce(milestones.milestone_status, projects.project_status) as cause,
            ledger.*
        from core.fct_escrow_transactions as ledger
        inner join core.dim_projects as projects using (project_id)
        left join core.fct_milestones as milestones using (milestone_id)
        where transaction_type = 'refund'
    )
    select
        cause,
        count(distinct project_id) as project_count,
        count(*) as refund_count,
        sum(amount) as amount,
        cast(sum(amount) as double) / nullif(sum(cast(sum(amount) as double)) over (), 0) as ratio,
        max(occurred_at) as last_at
    from causes
    group by cause
    order by amount desc"""
_CAUSES = {
    "failed": "campaign failed",
    "cancelled": "campaign cancelled",
    "rejected": "milestone rejected by the backers",
    "expired": "milestone expired: not approved in time",
}
# A backer's money in a project is as old as the first pledge. Most campaigns lie between the same
# two limits from their launch to their deadline; in the others (mixed) each backer is looked up.
_AGES = """
    with buckets as (
        select
            age,
            from_days,
            coalesce(as_of - to_days * interval 1 day, '-infinity') as from_at,
            case when from_days = 0 then 'infinity' else as_of - from_days * interval 1 day end
                as until_at
        from (
            select
                unnest(['up to 30 days', '31 to 90 days', '91 to 180 days', '181 to 365 days',
                    'over a year']) as age,
                unnest([0, 30, 90, 180, 365]) as from_days,
                unnest([30, 90, 180, 365, null]) as to_days
        )
        cross join core.warehouse_as_of
    ),
    holding as (
        select
            project_id, project_status, launched_at,
            exists (from buckets where launched_at < from_at and from_at <= deadline_at) as is_mixed
        from core.escrow_balances
        inner join core.dim_projects using (project_id)
        where held_amount <> 0
    ),
    firsts as (
        select project_id, backer_id, min(pledged_at) as first_pledged_at
        from core.fct_pledges
        where project_id in (select project_id from holding where is_mixed)
        group by project_id, backer_id
    ),
    aged as (
        select
            project_id, project_status, launched_at as held_since_at,
            count(*) as balance_count, sum(held_amount) as held_amount
        from core.backer_balances
        inner join holding using (project_id)
        where held_amount <> 0 and not is_mixed
        group by all
        union all
        select
            project_id, project_status, coalesce(first_pledged_at, launched_at), 1, held_amount
        from core.backer_balances
        inner join holding using (project_id)
        left join firsts using (project_id, backer_id)
        where held_amount <> 0 and is_mixed
    )
    select
        age,
        count(distinct project_id) as project_count,
        coalesce(sum(balance_count), 0)::bigint as balance_count,
        coalesce(sum(held_amount), 0) as amount,
        coalesce(sum(held_amount) filter (project_status = 'live'), 0) as live_amount,
        cast(coalesce(sum(held_amount), 0) as double)
        / nullif((select cast(sum(held_amount) as double) from aged), 0) as ratio
    from buckets
    left join aged on from_at <= held_since_at and held_since_at < until_at
    group by age, from_days
    order by from_days"""
_LARGEST = f"""
    select
        project_id, title, project_status, held_amount,
        cast(held_amount as double) / sum(cast(held_amount as double)) over () as ratio,
        cast(sum(held_amount) over by_size as double)
        / sum(cast(held_amount as double)) over () as cumulated_ratio
    from core.escrow_balances
    inner join core.dim_projects using (project_id)
    where held_amount > 0
    window by_size as (order by held_amount desc, project_id)
    order by held_amount desc, project_id
    limit {MAX_ROWS}"""
# The largest 1, 5 and 10 % of projects, each number of projects once.
_TOP_SHARES = """
    with ranked as (
        select
            held_amount,
            row_number() over (order by held_amount desc) as place,
            count(*) over () as holding_count
        from core.escrow_balances
        where held_amount > 0
    ),
    tops as (
        select distinct ceil(unnest([1, 5, 10]) * max(holding_count) / 100)::bigint as top
        from ranked
    )
    select
        top as project_count,
        sum(held_amount) as amount,
        cast(sum(held_amount) as double)
        / (select sum(cast(held_amount as double)) from ranked) as ratio
    from ranked
    inner join tops on place <= top
    group by top
    order by top"""
_LEDGER_COLUMNS = (
    Column("last_day", "Month to", "day"),
    Column("pledged_amount", "Pledged", "money"),
    Column("released_amount", "Released", "money"),
    Column("refunded_amount", "Refunded", "money"),
    Column("held_amount", "Held at its end", "money"),
    *(Column(key, f"of which {label}", "money") for key, label in escrow.STATES.items()),
)
_REFUND_COLUMNS = (
    Column("cause", "Cause"),
    Column("amount", "Refunded", "money"),
    Column("ratio", "Share", "bar"),
    Column("project_count", "Projects", "count"),
    Column("refund_count", "Refunds", "count"),
    Column("last_at", "Last one", "day"),
)
_AGE_COLUMNS = (
    Column("age", "Held since"),
    Column("amount", "Held", "money"),
    Column("ratio", "Share", "bar"),
    Column("live_amount", "of which live campaigns", "money"),
    Column("project_count", "Projects", "count"),
    Column("balance_count", "Balances of backers", "count"),
)
_LARGEST_COLUMNS = (
    Column("title", "Project", "title", link="path", note="project_status"),
    Column("held_amount", "Held", "money"),
    Column("ratio", "Share", "bar"),
    Column("cumulated_ratio", "Up to here", "percent"),
)
_EXCEPTION_COLUMNS = (
    Column("title", "Project", "title", link="path"),
    Column("pledged_amount", "Pledged", "money"),
    Column("held_amount", "Held", "money"),
    Column("released_amount", "Released", "money"),
    Column("refunded_amount", "Refunded", "money"),
    Column("difference", "Difference", "money"),
    Column("backer_difference", "Held less backers' balances", "money"),
)


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    months = escrow.months(published)
    refunds = published.rows(_REFUNDS)
    site.write(
        "money/index.html",
        "money.html.jinja",
        totals=reconciliation.totals(published),
        months=months[::-1],
        ledger_columns=_LEDGER_COLUMNS,
        chart=escrow.ledger_chart(months) if months else None,
        refunds=[row | {"cause": _CAUSES.get(row["cause"], row["cause"])} for row in refunds],
        refund_columns=_REFUND_COLUMNS,
        ages=published.rows(_AGES),
        age_columns=_AGE_COLUMNS,
        largest=[_linked(row, site) for row in published.rows(_LARGEST)],
        largest_columns=_LARGEST_COLUMNS,
        top_shares=published.rows(_TOP_SHARES),
        exceptions=[_linked(row, site) for row in reconciliation.exceptions(published, MAX_ROWS)],
        exception_columns=_EXCEPTION_COLUMNS,
    )


def _linked(row: dict[str, Any], site: Site) -> dict[str, Any]:
    return row | {"path": site.links.project(row["project_id"])}
