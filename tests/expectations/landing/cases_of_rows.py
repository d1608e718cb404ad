"""The rules that a row breaks by itself, each broken in the tiny export."""

from tests.expectations.landing.rule_cases import (
    ON_PROJECT,
    Case,
    broken,
    half_of_101,
    half_of_103,
    put,
)

CASES_OF_ROWS: dict[str, Case] = {
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
    "pledge_wrong_in_two_ways": broken(
        "amount_above_zero",
        put("pledges", 4, amount="-1", pledged_at="2024-04-01T00:00:00Z"),
        "pledges 4",
        "amount -1.00 is not above 0",
        also=(("pledges", "pledged_during_campaign", 4),),
    ),
}
