"""What a case of a broken rule is, and what follows in the tiny export when a row is rejected."""

from collections.abc import Callable
from typing import NamedTuple

from tests.expectations.landing.landing_world import World, row

Violation = tuple[str, str, int]
PARENT = "parent_quarantined"

# What hangs on a project, and is rejected with it.
ON_PROJECT: dict[int, set[Violation]] = {
    101: {
        *(("pledges", PARENT, key) for key in (1, 2)),
        *(("milestones", PARENT, key) for key in (1001, 1002)),
        *(("votes", PARENT, key) for key in (5001, 5002, 5003)),
        ("experiment_exposures", PARENT, 7001),
    },
    102: {
        ("pledges", PARENT, 3),
        ("milestones", PARENT, 1003),
        ("experiment_exposures", PARENT, 7002),
    },
    103: {
        ("pledges", PARENT, 4),
        *(("milestones", PARENT, key) for key in (1004, 1005)),
        ("experiment_exposures", PARENT, 7003),
    },
}


class Case(NamedTuple):
    """One change of the tiny export, and who violates what.

    Attributes:
        change: What is done to the export.
        roots: Who breaks a rule in the export as given.
        reason: What is said of the first of them; `#` stands before an id.
        follows: Who is rejected only because others are.
    """

    change: Callable[[World], None]
    roots: set[Violation]
    reason: str
    follows: set[Violation]


def put(table: str, key: int, **values: str) -> Callable[[World], None]:
    """A change of some values of one row; `#` stands before an id."""
    return lambda tables: row(tables, table, key).update(values)


def add(table: str, like: int, **values: str) -> Callable[[World], None]:
    """A change that adds a row like another one, but for some values."""
    return lambda tables: tables[table].append({**row(tables, table, like), **values})


def drop(table: str, key: int) -> Callable[[World], None]:
    """A change that takes a row out."""
    return lambda tables: tables[table].remove(row(tables, table, key))


def broken(
    rule: str,
    change: Callable[[World], None],
    violating: str,
    reason: str,
    *follows: set[Violation] | Violation,
    also: tuple[Violation, ...] = (),
) -> Case:
    """A case in which a rule is broken by one table's rows, given as `table key key`.

    What follows is given as if only these rows violated a rule: rows of `also` are taken out.
    """
    table, *keys = violating.split()
    roots = {(table, rule, int(key)) for key in keys} | set(also)
    rows = {(name, key) for name, _, key in roots}
    followers = {
        each for group in follows for each in (group if isinstance(group, set) else {group})
    }
    followers = {each for each in followers if (each[0], each[2]) not in rows}
    return Case(change, roots, reason, followers)


def unfunded_101(pledge: int = 1) -> set[Violation]:
    """What is rejected of project 101 with one of its pledges."""
    voters = {("votes", key) for key in ((5001, 5003) if pledge == 1 else (5002,))}
    return {
        *(("milestones", "submitted_after_funding", key) for key in (1001, 1002)),
        ("projects", "milestone_amounts_add_up_to_goal", 101),
        *((table, "vote_by_backer_of_project", key) for table, key in voters),
        *(
            each
            for each in ON_PROJECT[101]
            if each[0] != "milestones" and each[2] != pledge and (each[0], each[2]) not in voters
        ),
    }


def half_of_101(rejected: int) -> set[Violation]:
    """What is rejected of project 101 with one of its two milestones."""
    numbers = {("projects", "milestone_numbers_1_to_n", 101)} if rejected == 1001 else set()
    return {
        *numbers,
        ("projects", "milestone_amounts_add_up_to_goal", 101),
        *(each for each in ON_PROJECT[101] if each[2] != rejected),
    }


def half_of_103(rejected: int) -> set[Violation]:
    """What is rejected of project 103 with one of its two milestones."""
    return {
        ("projects", "milestone_amounts_add_up_to_goal", 103),
        *(each for each in ON_PROJECT[103] if each[2] != rejected),
    }


ALL_OF_102 = {
    ("projects", "milestone_amounts_add_up_to_goal", 102),
    *(each for each in ON_PROJECT[102] if each[0] != "milestones"),
}
