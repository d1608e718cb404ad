"""The raw contract, rules on one row by itself, and what a rule is.

A rule is a SQL predicate that is true where a row violates it. NULL means that this cannot be
judged: a cell that is empty or not of its type is NULL, so what is compared with it is NULL too.
A rule sees its row under the table's entity (`pledge.amount`), the rows it references under theirs
(`project.launched_at`), and what the check joins on top. All of them are taken as they are in the
file, whether or not they violate rules of their own.
"""

from dataclasses import dataclass

from expectations.landing.contract import MAX_RESOLUTION_DAYS, RELEASE_STRATEGIES


@dataclass(frozen=True, slots=True)
class Absence:
    """Rows that would keep a rule if they were there.

    Attributes:
        table: Whose rows.
        links: Its columns, each with the SQL expression they are looked up by. As long as one of
            them cannot be read in some row, that row could be the missing one.
        judged_with_gaps: Those of the columns for which the rule itself sees to that.
        is_reference: Whether the row that violates the rule names the absent one by its key.
    """

    table: str
    links: tuple[tuple[str, str], ...]
    judged_with_gaps: tuple[str, ...] = ()
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Something no row may do.

    Attributes:
        name: As reported.
        broken_when: SQL predicate over the row and what it is joined with.
        reason: Reported per row; `{sql expression}` becomes its value.
        absence: Rows whose absence could be what violates the rule. Only such a rule can be
            violated by rows that kept it before others were rejected.
    """

    name: str
    broken_when: str
    reason: str
    absence: Absence | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One pass over a table's rows, joined with all that its rules ask for.

    Attributes:
        table: Whose rows are judged.
        rules: Applied together, in one scan.
        joins: SQL joins beside the references; `keyed_<table>` holds a table's rows, one per key.
        aliases: Names that the joins give to rows of a table, as (alias, table).
    """

    table: str
    rules: tuple[Rule, ...]
    joins: str = ""
    aliases: tuple[tuple[str, str], ...] = ()


# Rules on a row by itself.
ROW_CHECKS = (
    Check(
        "projects",
        (
            Rule(
                "goal_above_zero",
                "project.funding_goal <= 0",
                "funding_goal {project.funding_goal} is not above 0",
            ),
            Rule(
                "deadline_after_launch",
                "project.deadline_at <= project.launched_at",
                "deadline_at {project.deadline_at} is not after launched_at {project.launched_at}",
            ),
            Rule(
                "campaign_of_92_days_at_most",
                "project.deadline_at > project.launched_at + interval 92 days",
                "deadline_at {project.deadline_at} is more than 92 days after"
                " launched_at {project.launched_at}",
            ),
            Rule(
                "cancelled_during_campaign",
                "project.cancelled_at <= project.launched_at"
                " or project.cancelled_at >= project.deadline_at",
                "cancelled_at {project.cancelled_at} is not between"
                " launched_at {project.launched_at} and deadline_at {project.deadline_at}",
            ),
            Rule(
                "known_release_strategy",
                f"project.release_strategy not in {RELEASE_STRATEGIES}",
                "release_strategy '{project.release_strategy}' is none of "
                + ", ".join(RELEASE_STRATEGIES),
            ),
        ),
    ),
    Check(
        "pledges",
        (Rule("amount_above_zero", "pledge.amount <= 0", "amount {pledge.amount} is not above 0"),),
    ),
    Check(
        "milestones",
        (
            Rule(
                "amount_above_zero",
                "milestone.funding_amount <= 0",
                "funding_amount {milestone.funding_amount} is not above 0",
            ),
            Rule(
                "known_resolution",
                "milestone.resolution not in ('approved', 'rejected')",
                "resolution '{milestone.resolution}' is neither approved nor rejected",
            ),
            Rule(
                "resolution_with_resolved_at",
                "(milestone.resolution is null) <> (milestone.resolved_at is null)",
                "resolution is {milestone.resolution}, resolved_at is {milestone.resolved_at}:"
                " one needs the other",
            ),
            Rule(
                "resolved_after_submitted",
                "milestone.resolved_at is not null and"
                " (milestone.submitted_at is null"
                " or milestone.resolved_at <= milestone.submitted_at)",
                "resolved_at {milestone.resolved_at} is not after"
                " submitted_at {milestone.submitted_at}",
            ),
            Rule(
                f"resolved_within_{MAX_RESOLUTION_DAYS}_days_of_due",
                f"milestone.resolved_at > milestone.due_at + interval {MAX_RESOLUTION_DAYS} days",
                "resolved_at {milestone.resolved_at} is more than "
                f"{MAX_RESOLUTION_DAYS} days after due_at {{milestone.due_at}}",
            ),
        ),
    ),
)
