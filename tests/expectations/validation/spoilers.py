"""The statements that break each expectation, one for each of its limits and conditions."""

import math
from collections.abc import Iterator, Sequence

from expectations.validation.suite_files import Expectation
from tests.expectations.validation.validation_world import AS_OF

HALVED = "delete from {table} where rowid > (select count(*) // 2 from {table}) - 2"
LOST_AND_MULTIPLIED = (
    "delete from {table} where rowid < 10",
    "insert into {table} select whole.* from {table} as whole, range(3)",
)
PROJECT = "project_id = 1 and snapshot_kind = 'launch'"
LATER = "project_id = 1 and snapshot_kind = 'd14'"
MILESTONE = "milestone_id = (select min(milestone_id) from features.milestone_features)"

# For each expectation with a query: statements, each of which alone makes it fail.
SPOILERS: dict[str, tuple[str, ...]] = {
    "warehouse_as_of.no_event_at_or_after_as_of": tuple(
        f"update core.{table} set {column} = '{AS_OF}' where rowid = 0"
        for table, column in [
            ("dim_creators", "joined_at"),
            ("dim_backers", "joined_at"),
            ("dim_projects", "launched_at"),
            ("dim_projects", "cancelled_at"),
            ("fct_pledges", "pledged_at"),
            ("fct_milestones", "submitted_at"),
            ("fct_milestones", "resolved_at"),
            ("fct_votes", "voted_at"),
            ("fct_experiment_exposures", "exposed_at"),
        ]
    ),
    "warehouse_as_of.no_consequence_after_as_of": tuple(
        f"update core.{table} set {column} = timestamp '{AS_OF}' + interval 1 microsecond"
        " where rowid = 0"
        for table, column in [
            ("dim_projects", "outcome_known_at"),
            ("dim_projects", "funded_at"),
            ("fct_milestones", "started_at"),
            ("fct_escrow_transactions", "occurred_at"),
        ]
    ),
    "warehouse_as_of.export_is_fresh": ("update core.warehouse_as_of set as_of = '2024-03-01'",),
    "dim_projects.launches_are_recent": (
        "update core.dim_projects set launched_at = launched_at - interval 1 year",
    ),
    "dim_projects.some_are_live": ("delete from core.dim_projects where project_status = 'live'",),
    "dim_projects.outcome_has_its_timestamp": (
        "update core.dim_projects set outcome_known_at = null where project_id = 1",
        f"""update core.dim_projects set is_successful = true, outcome_known_at = '{AS_OF}'
            where project_status = 'live'""",
        """update core.dim_projects set is_successful = null, outcome_known_at = null
            where project_id = 1""",
    ),
    "dim_projects.cancelled_share_is_plausible": (
        "update core.dim_projects set project_status = 'cancelled'",
    ),
    "dim_projects.no_creator_dominates": ("update core.dim_projects set creator_id = 1",),
    "dim_backers.most_have_pledged": ("delete from core.fct_pledges where backer_id > 10",),
    "fct_pledges.pledges_are_recent": (
        "update core.fct_pledges set pledged_at = pledged_at - interval 1 month",
    ),
    "fct_pledges.no_pledge_dominates": (
        "update core.fct_pledges set amount = 1000000 where pledge_id = 1",
    ),
    "fct_pledges.no_backer_dominates": ("update core.fct_pledges set backer_id = 1",),
    "fct_pledges.no_day_dominates": ("update core.fct_pledges set pledged_at = '2023-06-01'",),
    "fct_milestones.milestones_per_project_are_plausible": (
        "update core.fct_milestones set project_id = 1",
    ),
    "fct_milestones.approval_share_is_plausible": (
        "update core.fct_milestones set resolution = 'rejected' where resolution is not null",
    ),
    "fct_milestones.delivery_share_is_plausible": (
        "update core.fct_milestones set submitted_at = null",
    ),
    "fct_votes.votes_arrived": ("delete from core.fct_votes",),
    "fct_votes.approval_share_is_plausible": (
        "update core.fct_votes set is_approval = false",
        "update core.fct_votes set is_approval = true",
    ),
    "fct_escrow_transactions.refund_share_is_plausible": (
        """update core.fct_escrow_transactions set amount = 100 * amount
            where transaction_type = 'refund'""",
    ),
    "escrow_balances.no_project_holds_it_all": (
        "update core.escrow_balances set held_amount = 10000000 where project_id = 1",
    ),
    "project_features.every_project_has_a_launch_snapshot": (
        f"delete from features.project_features where {PROJECT}",
        "delete from features.project_features",
    ),
    "project_features.every_live_project_has_a_current_snapshot": (
        """delete from features.project_features
            where snapshot_kind = 'current' and project_id = 200""",
    ),
    "project_features.no_snapshot_after_as_of": (
        f"update features.project_features set snapshot_at = '2024-01-02' where {PROJECT}",
        """update features.project_features set snapshot_at = snapshot_at - interval 1 microsecond
            where snapshot_kind = 'current'""",
    ),
    "project_features.nothing_is_known_at_launch": tuple(
        f"update features.project_features set {change} where {PROJECT}"
        for change in ("pledge_count = 1", "elapsed_ratio = 0.01", "is_decided = true")
    ),
    "project_features.decided_means_goal_reached": (
        f"update features.project_features set is_decided = true where {PROJECT}",
        f"update features.project_features set pledged_amount = funding_goal where {PROJECT}",
    ),
    "project_features.campaign_counts_agree": tuple(
        f"update features.project_features set {change} where {LATER}"
        for change in (
            "unique_backer_count = pledge_count + 1",
            "pledge_count_last_24h = pledge_count + 1",
            "unique_backer_count = 0",
            "pledged_amount = 0",
        )
    ),
    "project_features.unknown_until_the_first_pledge": tuple(
        f"update features.project_features set {column} = {value} where {where}"
        for column in (
            "average_pledge_amount",
            "largest_pledge_ratio",
            "hours_since_last_pledge",
            "repeat_backer_ratio",
        )
        for value, where in (("null", LATER), ("0", PROJECT))
    ),
    "project_features.creator_history_agrees": tuple(
        f"update features.project_features set {change} where {PROJECT}"
        for change in (
            "prior_outcome_count = prior_project_count + 1",
            "is_first_time_creator = not is_first_time_creator",
            "prior_success_ratio = 0.5",
        )
    ),
    "project_features.still_open_at_every_snapshot_kind": (
        "update features.project_features set is_decided = true where snapshot_kind = 'd6'",
    ),
    "project_features.funding_after_six_days_is_plausible": (
        "update features.project_features set funding_ratio = 0",
        "update features.project_features set funding_ratio = 100",
    ),
    "project_features.first_time_creators_are_plausible": (
        "update features.project_features set is_first_time_creator = false",
        "update features.project_features set is_first_time_creator = true",
    ),
    "milestone_features.every_started_milestone_has_a_start_snapshot": (
        f"delete from features.milestone_features where snapshot_kind = 'start' and {MILESTONE}",
        "delete from features.milestone_features",
    ),
    "milestone_features.every_open_milestone_has_a_current_snapshot": (
        "delete from features.milestone_features where snapshot_kind = 'current'",
    ),
    "milestone_features.no_snapshot_after_as_of": (
        f"update features.milestone_features set snapshot_at = '2024-01-02' where {MILESTONE}",
        """update features.milestone_features set snapshot_at = snapshot_at - interval 1 microsecond
            where snapshot_kind = 'current'""",
    ),
    "milestone_features.nothing_is_delivered_at_the_start": tuple(
        f"""update features.milestone_features set {change}
            where snapshot_kind = 'start' and {MILESTONE}"""
        for change in ("is_submitted = true", "vote_count = 1")
    ),
    "milestone_features.votes_follow_the_submission": tuple(
        f"update features.milestone_features set {change} where vote_count {votes}"
        for change, votes in (
            ("is_submitted = false", "> 0"),
            ("approval_ratio = null", "> 0"),
            ("approval_ratio = 0", "= 0"),
            ("approval_z_score = null", "> 0"),
            ("approval_z_score = 0", "= 0"),
            ("days_since_submission = null", "> 0"),
            ("hours_to_first_vote = null", "> 0"),
            ("hours_to_first_vote = 0", "= 0"),
        )
    ),
    "milestone_features.number_is_within_the_plan": (
        f"update features.milestone_features set milestone_number = 0 where {MILESTONE}",
        f"update features.milestone_features set milestone_number = 5 where {MILESTONE}",
    ),
    "milestone_features.still_open_at_every_snapshot_kind": (
        "update features.milestone_features set is_decided = true where snapshot_kind = 'start'",
    ),
    "milestone_features.turnout_is_plausible": (
        "update features.milestone_features set turnout_ratio = 0",
        "update features.milestone_features set turnout_ratio = 1",
    ),
    "project_labels.no_label_before_its_time": (
        "update features.project_labels set outcome_known_at = '2024-01-02' where project_id = 1",
    ),
    "project_labels.every_known_outcome_is_a_label": (
        "delete from features.project_labels where project_id = 1",
    ),
    "project_labels.rarer_class_has_support": (
        "update features.project_labels set is_successful = true",
        "update features.project_labels set is_successful = false",
    ),
    "project_labels.classes_are_balanced": (
        "update features.project_labels set is_successful = false",
        "update features.project_labels set is_successful = true",
    ),
    "project_labels.labels_are_recent": (
        """update features.project_labels
            set outcome_known_at = outcome_known_at - interval 1 year""",
    ),
    "milestone_labels.no_label_before_its_time": (
        "update features.milestone_labels set outcome_known_at = '2024-01-02' where rowid = 0",
    ),
    "milestone_labels.every_late_milestone_is_a_label": (
        "delete from features.milestone_labels where rowid = 0",
    ),
    "milestone_labels.rarer_class_has_support": (
        "update features.milestone_labels set is_high_risk = true",
        "update features.milestone_labels set is_high_risk = false",
    ),
    "milestone_labels.classes_are_balanced": (
        "update features.milestone_labels set is_high_risk = false",
        "update features.milestone_labels set is_high_risk = true",
    ),
    "milestone_labels.labels_are_recent": (
        """update features.milestone_labels
            set outcome_known_at = outcome_known_at - interval 1 year""",
    ),
}


def spoilers(expectations: Sequence[Expectation]) -> list[str]:
    """Statements that break an expectation, in all its columns; those follow from its limits."""
    first = expectations[0]
    if first.parameters:
        statements = LOST_AND_MULTIPLIED if "max_value" in first.arguments else (HALVED,)
        return [each.format(table=first.table) for each in statements]
    if "query" in first.arguments:
        return list(SPOILERS.get(f"{first.suite}.{first.name}", ()))
    if first.expect == "table_row_count_to_be_between":
        return [f"delete from {first.table}"]
    by_column = [
        [f"{each.column} = {value}" for value in wrong_values(each)] for each in expectations
    ]
    return [f"update {first.table} set {', '.join(side)}" for side in zip(*by_column, strict=True)]


def wrong_values(expectation: Expectation) -> Iterator[str]:
    """SQL for column values on the wrong side of each limit."""
    low, high = (expectation.arguments.get(f"{side}_value") for side in ("min", "max"))
    if expectation.expect == "column_values_to_not_be_null":
        yield "null"
    elif expectation.expect == "column_unique_value_count_to_be_between":
        yield f"(select min({expectation.column}) from {expectation.table})"
        if high is not None:
            yield "cast(rowid as varchar)"
    else:
        if low is not None:
            yield str(low if expectation.arguments.get("strict_min") else low - 1)
        if high is not None:
            yield str(max(high + 1, math.nextafter(high, math.inf)))
