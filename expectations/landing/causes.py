"""Traces each rejected row to its causes: the rules that would reject it alone.

A cause is a rule that a table's rows violate as they are in the file. It is among the causes of a
row when that row would be rejected if no other rule were violated. Causes are bits, so that all of
them are traced at once. A row that only several rules together reject has them all.
"""

from expectations.landing.contract import TABLE, Reference, Table
from expectations.landing.rows import RowChecker
from expectations.landing.rules_between_rows import BETWEEN_CHECKS

# Which causes a rule about missing rows hands on, and to which rows of which table; `all_<table>`
# has every row of a file with its causes.
MISSING_ROWS = {
    # a milestone less, and neither numbers nor amounts are right
    ("projects", "milestone_amounts_add_up_to_goal"): """
        select project._row, bit_or(milestone.causes) as causes
        from lost_projects as project
        inner join lost_milestones as milestone on milestone.project_id = project.project_id
        group by project._row
    """,
    # a backer may have other pledges on the project: all of them must be missing
    ("votes", "vote_by_backer_of_project"): """
        select vote._row, bit_and(pledge.causes) as causes
        from lost_votes as vote
        inner join all_milestones as milestone on milestone.milestone_id = vote.milestone_id
        inner join all_pledges as pledge
            on pledge.project_id = milestone.project_id and pledge.backer_id = vote.backer_id
        group by vote._row
    """,
    # the pledges that a cause leaves must be below the goal, and all of them not
    ("milestones", "submitted_after_funding"): """
        select milestone._row, bit_or(lost.bit) as causes
        from lost_milestones as milestone
        inner join all_projects as project on project.project_id = milestone.project_id
        inner join (
            select
                pledge.project_id, cause_bits.bit, coalesce(sum(pledge.amount), 0) as amount
            from lost_pledges as pledge
            inner join cause_bits on (pledge.causes & cause_bits.bit) <> 0
            group by pledge.project_id, cause_bits.bit
        ) as lost on lost.project_id = milestone.project_id
        inner join (
            select
                project_id,
                coalesce(sum(amount), 0) as amount,
                count(amount) = count(*) as is_readable
            from given_pledges
            where project_id in (select project_id from lost_milestones)
            group by project_id
        ) as given on given.project_id = milestone.project_id
        where milestone.submitted_at is not null
            and (given.amount >= project.funding_goal or not given.is_readable)
            and given.amount - lost.amount < project.funding_goal
        group by milestone._row
    """,
}


def trace_causes(checker: RowChecker) -> None:
    """Completes the causes of all rejected rows, which have those of their own violations."""
    con = checker.con
    con.execute("create temp table cause_bits (bit hugeint)")
    for bit in checker.cause_bits.values():
        con.execute("insert into cause_bits values ($1)", [bit])
    for table in checker.tables:
        con.execute(f"""
            create or replace temp view all_{table.name} as
            select given.*, coalesce(rejected.causes, 0) as causes
            from given_{table.name} as given
            left join rejected
                on rejected._row = given._row and rejected.table_name = '{table.name}'
        """)
    _spread(checker)
    if con.execute("select 1 from rejected where causes = 0 limit 1").fetchall():
        con.execute("update rejected set causes = possible_causes where causes = 0")
        _spread(checker)


def _spread(checker: RowChecker) -> None:
    """Hands causes on until nothing changes."""
    names = {check.table for check in BETWEEN_CHECKS}
    lost = [table for table in checker.tables if table.name in checker.rejected_counts]
    changed = 1
    while changed:
        changed = 0
        for table in (each for each in lost if each.name in names):
            sources = [
                _parents_causes(table, reference)
                for reference in table.references
                if reference.table in checker.rejected_counts
            ]
            sources += [sql for (name, _), sql in MISSING_ROWS.items() if name == table.name]
            for sql in sources:
                changed += _add(checker, table, sql)


def _parents_causes(table: Table, reference: Reference) -> str:
    parent = TABLE[reference.table]
    return f"""
        select child._row, bit_or(parent.causes) as causes
        from lost_{table.name} as child
        inner join lost_{parent.name} as parent
            on parent.{parent.key} = child.{reference.column}
        group by child._row
    """


def _add(checker: RowChecker, table: Table, sql: str) -> int:
    """Adds causes to rows of a table; returns how many rows have more than before."""
    row = checker.con.execute(f"""
        update rejected set causes = rejected.causes | more.causes
        from ({sql}) as more
        where rejected.table_name = '{table.name}'
            and rejected._row = more._row
            and (rejected.causes | more.causes) <> rejected.causes
    """).fetchone()
    return int(row[0]) if row else 0
