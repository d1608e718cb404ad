"""Whether each cent of each project is where the ledger and its backers' balances say it is."""

from functools import lru_cache
from typing import Any

from pages.published import Published

# Each side is summed from another table, so that a difference can show.
_RECONCILED = """
    with pledges as (
        select project_id, sum(amount) as pledge_amount from core.fct_pledges group by project_id
    ),
    backers as (
        select project_id, sum(held_amount) as backer_amount
        from core.backer_balances group by project_id
    ),
    moved as (
        select
            project_id,
            coalesce(sum(amount) filter (transaction_type = 'release'), 0) as released_amount,
            coalesce(sum(amount) filter (transaction_type = 'refund'), 0) as refunded_amount
        from core.fct_escrow_transactions where transaction_type <> 'deposit' group by project_id
    )
    select
        projects.project_id,
        title,
        coalesce(pledge_amount, 0) as pledged_amount,
        coalesce(balances.held_amount, 0) as held_amount,
        coalesce(backer_amount, 0) as backer_amount,
        coalesce(moved.released_amount, 0) as released_amount,
        coalesce(moved.refunded_amount, 0) as refunded_amount,
        coalesce(pledge_amount, 0) - coalesce(balances.held_amount, 0)
        - coalesce(moved.released_amount, 0) - coalesce(moved.refunded_amount, 0)
            as difference,
        coalesce(balances.held_amount, 0) - coalesce(backer_amount, 0) as backer_difference
    from core.dim_projects as projects
    left join pledges on projects.project_id = pledges.project_id
    left join backers on projects.project_id = backers.project_id
    left join moved on projects.project_id = moved.project_id
    left join core.escrow_balances as balances on projects.project_id = balances.project_id"""
_TOTALS = """
    select
        count(*) as project_count,
        count(*) filter (held_amount > 0) as holding_count,
        count(*) filter (difference <> 0 or backer_difference <> 0) as exception_count,
        coalesce(sum(columns('_amount$|difference$')), 0)
    from {reconciled}"""
_EXCEPTIONS = """
    select * from {reconciled} where difference <> 0 or backer_difference <> 0
    order by abs(difference) desc, abs(backer_difference) desc, project_id limit $count"""


@lru_cache(maxsize=1)  # of one file, more than one page reads it
def table(published: Published) -> str:
    """Keeps the sides of each project as a table, and returns its name."""
    published.fetch(f"create or replace temp table reconciled as {_RECONCILED}")
    return "reconciled"


def totals(published: Published) -> dict[str, Any]:
    """Returns the sums of all projects, and `exception_count`: how many have a difference."""
    return published.rows(_TOTALS.format(reconciled=table(published)))[0]


def exceptions(published: Published, count: int) -> list[dict[str, Any]]:
    """Returns the projects with the largest differences, at most so many."""
    return published.rows(_EXCEPTIONS.format(reconciled=table(published)), count=count)
