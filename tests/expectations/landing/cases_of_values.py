"""Values, keys and references that cannot be used, and who depends on them."""

from tests.expectations.landing.rule_cases import (
    ON_PROJECT,
    PARENT,
    Case,
    add,
    broken,
    half_of_101,
    half_of_103,
    put,
    unfunded_101,
)

CASES_OF_VALUES: dict[str, Case] = {
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
        "submitted_at 'soon' is not a timestamp"
        " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
        half_of_101(1002),
    ),
    "after_a_milestone_with_an_unreadable_approval": broken(
        "wrong_type",
        put("milestones", 1001, resolved_at="soon"),
        "milestones 1001",
        "resolved_at 'soon' is not a timestamp"
        " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
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
            f"pledged_at '{text}' is not a timestamp"
            " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
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
        "resolved_at 'soon' is not a timestamp"
        " (ISO 8601, to the microsecond, such as 2024-01-31 23:59:00)",
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
}
