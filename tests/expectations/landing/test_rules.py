"""Each rule of the contract, broken in one place: exactly the rows that violate it are named.

Every case changes its own copy of the tiny export, and all copies are landed together: violations
in one place must not hide or add others elsewhere.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from expectations.landing.contract import TABLES
from expectations.landing.rules_between_rows import BETWEEN_CHECKS
from expectations.landing.rules_of_rows import ROW_CHECKS
from tests.expectations.landing.landing_world import LandingBench, World, row, world, write

Violation = tuple[str, str, int]
PARENT = "parent_quarantined"
COPY = 1_000_000

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

CASES = {
    "goal_below_zero": broken(
        "goal_above_zero",
        put("projects", 103, funding_goal="-500.00"),
        "projects 103",
        "funding_goal -500.00 is not above 0",
        ON_PROJECT[103],
        also=(("projects", "milestone_amounts_add_up_to_goal", 103),),
    ),
    "deadline_at_launch": broken(
        "deadline_after_launch",
        put("projects", 103, deadline_at="2024-03-01T00:00:00Z"),
        "projects 103",
        "deadline_at 2024-03-01 00:00:00 is not after launched_at 2024-03-01 00:00:00",
        ON_PROJECT[103],
        also=(
            ("pledges", "pledged_during_campaign", 4),
            ("experiment_exposures", "exposed_during_campaign", 7003),
        ),
    ),
    "campaign_longer_than_92_days": broken(
        "campaign_of_92_days_at_most",
        put("projects", 103, deadline_at="2024-06-01T00:00:00.000001Z"),
        "projects 103",
        "deadline_at 2024-06-01 00:00:00.000001 is more than 92 days after"
        " launched_at 2024-03-01 00:00:00",
        ON_PROJECT[103],
        also=tuple(("milestones", "due_after_deadline", key) for key in (1004, 1005)),
    ),
    "cancelled_at_launch": broken(
        "cancelled_during_campaign",
        put("projects", 102, cancelled_at="2024-02-01T00:00:00Z"),
        "projects 102",
        "cancelled_at 2024-02-01 00:00:00 is not between launched_at 2024-02-01 00:00:00"
        " and deadline_at 2024-03-01 00:00:00",
        ON_PROJECT[102],
        also=(
            ("pledges", "pledged_before_cancellation", 3),
            ("experiment_exposures", "exposed_before_cancellation", 7002),
        ),
    ),
    "cancelled_at_deadline": broken(
        "cancelled_during_campaign",
        put("projects", 102, cancelled_at="2024-03-01T00:00:00Z"),
        "projects 102",
        "cancelled_at 2024-03-01 00:00:00 is not between launched_at 2024-02-01 00:00:00"
        " and deadline_at 2024-03-01 00:00:00",
        ON_PROJECT[102],
    ),
    "unknown_release_strategy": broken(
        "known_release_strategy",
        put("projects", 103, release_strategy="all_at_once"),
        "projects 103",
        "release_strategy 'all_at_once' is none of equal_tranches, front_loaded, back_loaded,"
        " holdback_20",
        ON_PROJECT[103],
    ),
    "pledge_of_nothing": broken(
        "amount_above_zero",
        put("pledges", 4, amount="0.00"),
        "pledges 4",
        "amount 0.00 is not above 0",
    ),
    "negative_pledge_that_funded": broken(
        "amount_above_zero",
        put("pledges", 1, amount="-60.00"),
        "pledges 1",
        "amount -60.00 is not above 0",
        ON_PROJECT[101],
        ("projects", "milestone_amounts_add_up_to_goal", 101),
        also=tuple(("milestones", "submitted_after_funding", key) for key in (1001, 1002)),
    ),
    "milestone_of_nothing": broken(
        "amount_above_zero",
        put("milestones", 1005, funding_amount="0.00"),
        "milestones 1005",
        "funding_amount 0.00 is not above 0",
        half_of_103(1005),
        also=(("projects", "milestone_amounts_add_up_to_goal", 103),),
    ),
    "unknown_resolution": broken(
        "known_resolution",
        put("milestones", 1002, resolution="postponed"),
        "milestones 1002",
        "resolution 'postponed' is neither approved nor rejected",
        half_of_101(1002),
    ),
    "resolution_without_its_moment": broken(
        "resolution_with_resolved_at",
        put("milestones", 1002, resolved_at=""),
        "milestones 1002",
        "resolution is rejected, resolved_at is empty: one needs the other",
        half_of_101(1002),
    ),
    "resolved_at_without_resolution": broken(
        "resolution_with_resolved_at",
        put("milestones", 1002, resolution=""),
        "milestones 1002",
        "resolution is empty, resolved_at is 2024-03-14 00:00:00: one needs the other",
        half_of_101(1002),
    ),
    "resolved_at_submission": broken(
        "resolved_after_submitted",
        put("milestones", 1002, submitted_at="2024-03-14T00:00:00Z"),
        "milestones 1002",
        "resolved_at 2024-03-14 00:00:00 is not after submitted_at 2024-03-14 00:00:00",
        half_of_101(1002),
        also=(("votes", "voted_after_submission", 5003),),
    ),
    "resolved_without_submission": broken(
        "resolved_after_submitted",
        put("milestones", 1002, submitted_at=""),
        "milestones 1002",
        "resolved_at 2024-03-14 00:00:00 is not after submitted_at empty",
        half_of_101(1002),
        also=(("votes", "voted_after_submission", 5003),),
    ),
    "resolved_too_late": broken(
        "resolved_within_180_days_of_due",
        put("milestones", 1002, resolved_at="2024-09-11T00:00:00.000001Z"),
        "milestones 1002",
        "resolved_at 2024-09-11 00:00:00.000001 is more than 180 days after"
        " due_at 2024-03-15 00:00:00",
        half_of_101(1002),
    ),
    "launched_before_creator_joined": broken(
        "creator_joined_by_launch",
        put("creators", 2, joined_at="2024-02-01T00:00:00.000001Z"),
        "projects 102",
        "launched_at 2024-02-01 00:00:00 is before creator #2 joined at 2024-02-01 00:00:00.000001",
        ON_PROJECT[102],
    ),
    "pledged_at_deadline": broken(
        "pledged_during_campaign",
        put("pledges", 4, pledged_at="2024-04-01T00:00:00Z"),
        "pledges 4",
        "pledged_at 2024-04-01 00:00:00 is outside the campaign of project #103,"
        " [2024-03-01 00:00:00, 2024-04-01 00:00:00)",
    ),
    "pledged_before_launch": broken(
        "pledged_during_campaign",
        put("pledges", 1, pledged_at="2023-12-31T23:59:59.999999Z"),
        "pledges 1",
        "pledged_at 2023-12-31 23:59:59.999999 is outside the campaign of project #101,"
        " [2024-01-01 00:00:00, 2024-01-31 00:00:00)",
        unfunded_101(),
    ),
    "pledged_at_cancellation": broken(
        "pledged_before_cancellation",
        put("pledges", 3, pledged_at="2024-02-10T00:00:00Z"),
        "pledges 3",
        "pledged_at 2024-02-10 00:00:00 is not before project #102 was cancelled"
        " at 2024-02-10 00:00:00",
        ("experiment_exposures", PARENT, 7002),
    ),
    "pledged_before_backer_joined": broken(
        "backer_joined_by_pledge",
        put("pledges", 2, pledged_at="2024-01-02T09:59:59Z"),
        "pledges 2",
        "pledged_at 2024-01-02 09:59:59 is before backer #12 joined at 2024-01-02 10:00:00",
        unfunded_101(2),
    ),
    "due_at_deadline": broken(
        "due_after_deadline",
        put("milestones", 1003, due_at="2024-03-01T00:00:00Z"),
        "milestones 1003",
        "due_at 2024-03-01 00:00:00 is not after deadline_at 2024-03-01 00:00:00 of project #102",
        ALL_OF_102,
    ),
    "due_with_the_one_before": broken(
        "due_rising_with_number",
        put("milestones", 1005, due_at="2024-05-01T00:00:00Z"),
        "milestones 1005",
        "due_at 2024-05-01 00:00:00 is not after due_at 2024-05-01 00:00:00 of the previous"
        " milestone #1004",
        half_of_103(1005),
    ),
    "submitted_at_deadline": broken(
        "submitted_after_deadline",
        put("milestones", 1001, submitted_at="2024-01-31T00:00:00Z"),
        "milestones 1001",
        "submitted_at 2024-01-31 00:00:00 is not after deadline_at 2024-01-31 00:00:00"
        " of project #101",
        half_of_101(1001),
    ),
    "submitted_after_cancellation": broken(
        "not_submitted_if_cancelled",
        put("milestones", 1003, submitted_at="2024-03-02T00:00:00Z"),
        "milestones 1003",
        "submitted_at 2024-03-02 00:00:00, but project #102 was cancelled at 2024-02-10 00:00:00",
        ALL_OF_102,
        also=(("milestones", "submitted_after_funding", 1003),),
    ),
    "submitted_though_goal_missed": broken(
        "submitted_after_funding",
        put("milestones", 1004, submitted_at="2024-04-02T00:00:00Z"),
        "milestones 1004",
        "submitted_at 2024-04-02 00:00:00, but project #103 was not funded: pledged 10.00"
        " of 500.00",
        half_of_103(1004),
        ("projects", "milestone_numbers_1_to_n", 103),
    ),
    "submitted_though_nobody_pledged": broken(
        "submitted_after_funding",
        lambda tables: (
            drop("pledges", 4)(tables),
            put("milestones", 1004, submitted_at="2024-04-02T00:00:00Z")(tables),
        )[0],
        "milestones 1004",
        "submitted_at 2024-04-02 00:00:00, but project #103 was not funded: pledged 0.00 of 500.00",
        {each for each in half_of_103(1004) if each[0] != "pledges"},
        ("projects", "milestone_numbers_1_to_n", 103),
    ),
    "submitted_at_previous_approval": broken(
        "submitted_after_previous_approval",
        put("milestones", 1002, submitted_at="2024-02-14T00:00:00Z"),
        "milestones 1002",
        "submitted_at 2024-02-14 00:00:00, but the previous milestone #1001 was not approved"
        " before: resolution approved, resolved_at 2024-02-14 00:00:00",
        half_of_101(1002),
    ),
    "submitted_after_a_rejection": broken(
        "submitted_after_previous_approval",
        put("milestones", 1001, resolution="rejected"),
        "milestones 1002",
        "submitted_at 2024-03-10 00:00:00, but the previous milestone #1001 was not approved"
        " before: resolution rejected, resolved_at 2024-02-14 00:00:00",
        half_of_101(1002),
    ),
    "a_number_left_out": broken(
        "milestone_numbers_1_to_n",
        put("milestones", 1005, milestone_number="3"),
        "projects 103",
        "its 2 milestones have 2 different numbers, 1 to 3",
        ON_PROJECT[103],
    ),
    "a_number_twice": broken(
        "milestone_numbers_1_to_n",
        put("milestones", 1005, milestone_number="1"),
        "projects 103",
        "its 2 milestones have 1 different numbers, 1 to 1",
        ON_PROJECT[103],
    ),
    "a_number_zero": broken(
        "milestone_numbers_1_to_n",
        put("milestones", 1003, milestone_number="0"),
        "projects 102",
        "its 1 milestones have 1 different numbers, 0 to 0",
        ON_PROJECT[102],
    ),
    "a_cent_too_much": broken(
        "milestone_amounts_add_up_to_goal",
        put("milestones", 1005, funding_amount="100.01"),
        "projects 103",
        "its 2 milestones add up to 500.01, its goal is 500.00",
        ON_PROJECT[103],
    ),
    "no_milestone": broken(
        "milestone_amounts_add_up_to_goal",
        drop("milestones", 1003),
        "projects 102",
        "its 0 milestones add up to 0.00, its goal is 50.00",
        {each for each in ON_PROJECT[102] if each[0] != "milestones"},
    ),
    "pledges_beyond_the_ledger": broken(
        "pledges_add_up_to_16_digits",
        add("pledges", 4, pledge_id="6", amount="9999999999999999.99"),
        "projects 103",
        "its pledges add up to 10000000000000009.99, more than 9999999999999999.99",
        ON_PROJECT[103] | {("pledges", "parent_quarantined", 6)},
    ),
    "a_second_vote": broken(
        "one_vote_per_backer_and_milestone",
        add("votes", 5001, vote_id="5004", is_approval="false"),
        "votes 5001 5004",
        "backer #11 voted 2 times on milestone #1001",
    ),
    "vote_without_pledge": broken(
        "vote_by_backer_of_project",
        put("votes", 5003, backer_id="13"),
        "votes 5003",
        "backer #13 has no pledge on project #101",
    ),
    "voted_at_submission": broken(
        "voted_after_submission",
        put("votes", 5001, voted_at="2024-02-10T00:00:00Z"),
        "votes 5001",
        "voted_at 2024-02-10 00:00:00 is not after submitted_at 2024-02-10 00:00:00"
        " of milestone #1001",
    ),
    "voted_without_submission": broken(
        "voted_after_submission",
        put("votes", 5003, milestone_id="1004"),
        "votes 5003",
        "voted_at 2024-03-11 00:00:00 is not after submitted_at empty of milestone #1004",
    ),
    "voted_after_resolution": broken(
        "voted_by_resolution",
        put("votes", 5002, voted_at="2024-02-14T00:00:00.000001Z"),
        "votes 5002",
        "voted_at 2024-02-14 00:00:00.000001 is after resolved_at 2024-02-14 00:00:00"
        " of milestone #1001",
    ),
    "exposed_at_pledge": broken(
        "exposed_before_pledge",
        put("experiment_exposures", 7002, exposed_at="2024-02-02T00:00:00Z"),
        "experiment_exposures 7002",
        "exposed_at 2024-02-02 00:00:00 is not before pledged_at 2024-02-02 00:00:00 of pledge #3",
    ),
    "exposure_with_anothers_pledge": broken(
        "pledge_of_same_backer_and_project",
        put("experiment_exposures", 7002, pledge_id="4"),
        "experiment_exposures 7002",
        "pledge #4 is by backer #11 on project #103, the exposure by backer #13 on project #102",
    ),
    "two_variants": broken(
        "one_variant_per_backer_and_experiment",
        put("experiment_exposures", 7003, variant="plain"),
        "experiment_exposures 7002 7003",
        "backer #13 was shown variants bright and plain of experiment highlight",
    ),
    "exposed_before_joining": broken(
        "backer_joined_by_exposure",
        put("experiment_exposures", 7001, exposed_at="2024-01-02T09:59:59Z"),
        "experiment_exposures 7001",
        "exposed_at 2024-01-02 09:59:59 is before backer #12 joined at 2024-01-02 10:00:00",
    ),
    "exposed_before_launch": broken(
        "exposed_during_campaign",
        put("experiment_exposures", 7003, exposed_at="2024-02-29T00:00:00Z"),
        "experiment_exposures 7003",
        "exposed_at 2024-02-29 00:00:00 is outside the campaign of project #103,"
        " [2024-03-01 00:00:00, 2024-04-01 00:00:00)",
    ),
    "exposed_at_deadline": broken(
        "exposed_during_campaign",
        put("experiment_exposures", 7003, exposed_at="2024-04-01T00:00:00Z"),
        "experiment_exposures 7003",
        "exposed_at 2024-04-01 00:00:00 is outside the campaign of project #103,"
        " [2024-03-01 00:00:00, 2024-04-01 00:00:00)",
    ),
    "exposed_at_cancellation": broken(
        "exposed_before_cancellation",
        put("experiment_exposures", 7002, exposed_at="2024-02-10T00:00:00Z", pledge_id=""),
        "experiment_exposures 7002",
        "exposed_at 2024-02-10 00:00:00 is not before project #102"
        " was cancelled at 2024-02-10 00:00:00",
    ),
    "pledge_claimed_twice": broken(
        "one_exposure_per_pledge",
        add("experiment_exposures", 7002, exposure_id="7004", exposed_at="2024-02-01T13:00:00Z"),
        "experiment_exposures 7002 7004",
        "pledge #3 is claimed by 2 exposures, among them #7002 and #7004",
    ),
    "pledge_claimed_twice_in_two_experiments": broken(
        "one_exposure_per_pledge",
        add("experiment_exposures", 7002, exposure_id="7004", experiment="banner"),
        "experiment_exposures 7002 7004",
        "pledge #3 is claimed by 2 exposures, among them #7002 and #7004",
    ),
    "vote_on_a_milestone_broken_otherwise": broken(
        "voted_after_submission",
        lambda tables: (
            put("votes", 5003, voted_at="2024-03-09T00:00:00Z")(tables),
            put("milestones", 1002, resolved_at="2024-09-11T00:00:00.000001Z")(tables),
        )[0],
        "votes 5003",
        "voted_at 2024-03-09 00:00:00 is not after submitted_at 2024-03-10 00:00:00"
        " of milestone #1002",
        half_of_101(1002),
        also=(("milestones", "resolved_within_180_days_of_due", 1002),),
    ),
    "pledge_on_a_project_with_an_unreadable_deadline": broken(
        "pledged_during_campaign",
        lambda tables: (
            put("projects", 103, deadline_at="soon")(tables),
            put("pledges", 4, pledged_at="2024-02-29T00:00:00Z")(tables),
        )[0],
        "pledges 4",
        "pledged_at 2024-02-29 00:00:00 is outside the campaign of project #103,"
        " [2024-03-01 00:00:00, unreadable)",
        ON_PROJECT[103],
        also=(("projects", "wrong_type", 103),),
    ),
    "vote_on_a_milestone_with_an_unreadable_submission": broken(
        "wrong_type",
        put("milestones", 1002, submitted_at="soon"),
        "milestones 1002",
        "submitted_at 'soon' is not a timestamp (ISO 8601, to the microsecond)",
        half_of_101(1002),
    ),
    "after_a_milestone_with_an_unreadable_approval": broken(
        "wrong_type",
        put("milestones", 1001, resolved_at="soon"),
        "milestones 1001",
        "resolved_at 'soon' is not a timestamp (ISO 8601, to the microsecond)",
        half_of_101(1001),
    ),
    "after_a_rejection_of_unreadable_time": broken(
        "submitted_after_previous_approval",
        put("milestones", 1001, resolution="rejected", resolved_at="soon"),
        "milestones 1002",
        "submitted_at 2024-03-10 00:00:00, but the previous milestone #1001 was not approved"
        " before: resolution rejected, resolved_at unreadable",
        half_of_101(1002),
        also=(("milestones", "wrong_type", 1001),),
    ),
    "pledge_without_backer": broken(
        "missing_value",
        lambda tables: (
            put("pledges", 1, backer_id="")(tables),
            put("votes", 5003, backer_id="13")(tables),
        )[0],
        "pledges 1",
        "backer_id is empty",
        unfunded_101(),
    ),
    "vote_without_backer": broken(
        "missing_value", put("votes", 5003, backer_id=""), "votes 5003", "backer_id is empty"
    ),
    "milestone_twice_the_same": broken(
        "duplicate_key",
        add("milestones", 1005),
        "milestones 1005",
        "milestone_id #1005 stands in 2 rows",
        half_of_103(1005),
    ),
    "vote_on_a_milestone_given_twice": broken(
        "duplicate_key",
        lambda tables: (
            add("milestones", 1002, title="Lamp again")(tables),
            put("votes", 5003, voted_at="2024-03-09T00:00:00Z")(tables),
        )[0],
        "milestones 1002",
        "milestone_id #1002 stands in 2 rows",
        half_of_101(1002),
        also=(("votes", "voted_after_submission", 5003),),
    ),
    "vote_on_a_milestone_given_in_two_ways": broken(
        "duplicate_key",
        lambda tables: (
            add("milestones", 1002, submitted_at="2024-03-08T00:00:00Z")(tables),
            put("votes", 5003, voted_at="2024-03-09T00:00:00Z")(tables),
        )[0],
        "milestones 1002",
        "milestone_id #1002 stands in 2 rows",
        half_of_101(1002),
    ),
    "project_twice": broken(
        "duplicate_key",
        add("projects", 103, title="Boat again"),
        "projects 103",
        "project_id #103 stands in 2 rows",
        ON_PROJECT[103],
    ),
    "vote_twice_the_same": broken(
        "duplicate_key",
        add("votes", 5003),
        "votes 5003",
        "vote_id #5003 stands in 2 rows",
    ),
    "pledge_of_nobody": broken(
        "dangling_reference",
        put("pledges", 4, backer_id="99"),
        "pledges 4",
        "backer_id #99 is not in backers",
    ),
    "pledge_on_nothing": broken(
        "dangling_reference",
        put("pledges", 4, project_id="199"),
        "pledges 4",
        "project_id #199 is not in projects",
    ),
    "project_of_nobody": broken(
        "dangling_reference",
        put("projects", 102, creator_id="9"),
        "projects 102",
        "creator_id #9 is not in creators",
        ON_PROJECT[102],
    ),
    "milestone_of_nothing_known": broken(
        "dangling_reference",
        put("milestones", 1005, project_id="199"),
        "milestones 1005",
        "project_id #199 is not in projects",
        ON_PROJECT[103] - {("milestones", PARENT, 1005)},
        also=(("projects", "milestone_amounts_add_up_to_goal", 103),),
    ),
    "vote_on_nothing": broken(
        "dangling_reference",
        put("votes", 5003, milestone_id="1999"),
        "votes 5003",
        "milestone_id #1999 is not in milestones",
    ),
    "vote_of_nobody": broken(
        "dangling_reference",
        put("votes", 5003, backer_id="99"),
        "votes 5003",
        "backer_id #99 is not in backers",
        also=(("votes", "vote_by_backer_of_project", 5003),),
    ),
    "exposure_with_unknown_pledge": broken(
        "dangling_reference",
        put("experiment_exposures", 7001, pledge_id="99"),
        "experiment_exposures 7001",
        "pledge_id #99 is not in pledges",
    ),
    **{
        f"pledge_of_{amount}": broken(
            "wrong_type",
            put("pledges", 4, amount=amount),
            "pledges 4",
            f"amount '{amount}' is not money"
            " (digits, at most 16 before the point and 2 after it, such as 1234.50)",
        )
        for amount in ("abc", "NaN", "inf", "1.005", "1e3", "1,50", "10000000000000000.00", "0x1F")
    },
    **{
        f"pledged_{text}": broken(
            "wrong_type",
            put("pledges", 4, pledged_at=text),
            "pledges 4",
            f"pledged_at '{text}' is not a timestamp (ISO 8601, to the microsecond)",
        )
        for text in (
            "yesterday",
            "2024-02-30T00:00:00Z",
            "2024-03-02T24:00:00Z",
            "2024-03-02T00:00:00.0000001Z",
            "2024-03-02T00:00:00+25:00",
            "02/03/2024",
            "infinity",
            "1709337600",
        )
    },
    **{
        f"approval_{truth}": broken(
            "wrong_type",
            put("votes", 5003, is_approval=truth),
            "votes 5003",
            f"is_approval '{truth}' is not true or false",
        )
        for truth in ("yes", "2")
    },
    "unreadable_optional_moment": broken(
        "wrong_type",
        put("milestones", 1002, resolved_at="soon"),
        "milestones 1002",
        "resolved_at 'soon' is not a timestamp (ISO 8601, to the microsecond)",
        half_of_101(1002),
    ),
    "unreadable_number": broken(
        "wrong_type",
        put("milestones", 1005, milestone_number="2.5"),
        "milestones 1005",
        "milestone_number '2.5' is not an integer",
        half_of_103(1005),
    ),
    "empty_title": broken(
        "missing_value",
        put("projects", 103, title=""),
        "projects 103",
        "title is empty",
        ON_PROJECT[103],
    ),
    "empty_amount": broken(
        "missing_value", put("pledges", 4, amount=""), "pledges 4", "amount is empty"
    ),
    "empty_goal": broken(
        "missing_value",
        put("projects", 103, funding_goal=""),
        "projects 103",
        "funding_goal is empty",
        ON_PROJECT[103],
    ),
    "creator_without_name": broken(
        "missing_value",
        put("creators", 2, display_name=""),
        "creators 2",
        "display_name is empty",
        ("projects", PARENT, 102),
        ON_PROJECT[102],
    ),
    "pledge_wrong_in_two_ways": broken(
        "amount_above_zero",
        put("pledges", 4, amount="-1", pledged_at="2024-04-01T00:00:00Z"),
        "pledges 4",
        "amount -1.00 is not above 0",
        also=(("pledges", "pledged_during_campaign", 4),),
    ),
}

IDS = {column.name for table in TABLES for column in table.columns if column.name.endswith("_id")}


def shifted(tables: World, copy: int) -> World:
    """The rows with all ids moved into the range of one copy."""
    return {
        name: [
            {
                column: str(int(value) + copy * COPY) if column in IDS and value else value
                for column, value in each.items()
            }
            for each in rows
        ]
        for name, rows in tables.items()
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LandingBench:
    """All cases, each in its copy, and one that is left as it is; refused, then quarantined."""
    bench = LandingBench(tmp_path_factory.mktemp("rules"))
    together: World = {table.name: [] for table in TABLES}
    for copy, change in enumerate([lambda _: None, *(case.change for case in CASES.values())]):
        tables = world()
        change(tables)
        for name, rows in shifted(tables, copy).items():
            together[name] += rows
    write(bench.data, together)
    assert bench.land() == 1
    assert bench.land(mode="quarantine", run_id="r2") == 0
    return bench


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_rows_that_violate_a_rule_are_named(bench: LandingBench, name: str) -> None:
    case, copy = CASES[name], 1 + list(CASES).index(name)
    found = [each for each in bench.violations() if int(each["key"]) // COPY == copy]

    def violating(is_root: str) -> set[Violation]:
        return {
            (each["table"], each["rule"], int(each["key"]) % COPY)
            for each in found
            if each["is_root"] == is_root
        }

    assert violating("true") == case.roots
    assert violating("false") == case.follows
    reason = re.sub(r"#(\d+)", lambda match: str(int(match[1]) + copy * COPY), case.reason)
    assert reason in {each["reason"] for each in found if each["is_root"] == "true"}


def test_sound_rows_violate_nothing(bench: LandingBench) -> None:
    assert [each for each in bench.violations() if int(each["key"]) < COPY] == []


def test_every_rule_is_broken_by_a_case(bench: LandingBench) -> None:
    rules = {rule.name for check in (*ROW_CHECKS, *BETWEEN_CHECKS) for rule in check.rules}
    assert rules <= {rule for case in CASES.values() for _, rule, _ in case.roots}


def test_quarantine_takes_the_same_rows_out(bench: LandingBench) -> None:
    reported = {(each["table"], each["key"]) for each in bench.violations()}
    assert {(table, key) for table, key, *_ in bench.quarantined()} == reported


def test_no_row_is_lost(bench: LandingBench) -> None:
    quarantined = [table for table, *_ in bench.quarantined()]
    for table in TABLES:
        given = len((bench.data / f"{table.name}.csv").read_text().splitlines()) - 1
        assert len(bench.landed(table.name)) + quarantined.count(table.name) == given


def test_what_quarantine_leaves_keeps_the_contract(bench: LandingBench, tmp_path: Path) -> None:
    again = LandingBench(tmp_path)
    again.data.mkdir()
    for table in TABLES:
        path = f"{table.name}.csv"
        (again.data / path).write_bytes((bench.seeds / path).read_bytes())
    assert again.land() == 0
    assert all(again.landed(table.name) == bench.landed(table.name) for table in TABLES)
