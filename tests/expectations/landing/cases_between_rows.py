"""The rules between rows, each broken in the tiny export."""

from tests.expectations.landing.rule_cases import (
    ALL_OF_102,
    ON_PROJECT,
    PARENT,
    Case,
    add,
    broken,
    drop,
    half_of_101,
    half_of_103,
    put,
    unfunded_101,
)

CASES_BETWEEN_ROWS: dict[str, Case] = {
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
}
