"""Contradictions to plant between tables, and the named checks that must see them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb


class Plant(NamedTuple):
    """A table as it must not be, put into a check in place of the real one.

    Attributes:
        table: schema and name.
        query: what stands for the table; `{it}` is the real one.
        checks: names of all checks that must see it, and perhaps others do.
    """

    table: str
    query: str
    checks: str


def changed(table: str, column: str, value: str, checks: str, where: str = "true") -> Plant:
    """A plant of another value in one column, of the rows for which `where` holds."""
    changed_value = f"case when {where} then {value} else {column} end"
    return Plant(table, f"select * replace ({changed_value} as {column}) from {{it}}", checks)


def missing(table: str, checks: str, where: str = "true") -> Plant:
    """A plant without the rows for which `where` holds."""
    return Plant(table, f"from {{it}} where not ({where})", checks)


def added(table: str, row: str, checks: str) -> Plant:
    """A plant with one row more."""
    return Plant(table, f"from {{it}} union all by name select {row}", checks)


PROJECTS, MILESTONES = "core.dim_projects", "core.fct_milestones"
BALANCES, LEDGER = "core.escrow_balances", "core.fct_escrow_transactions"
BACKERS = "core.backer_balances"
CURRENT = "snapshot_kind = 'current'"
FEATURES, MILESTONE_FEATURES = "features.project_features", "features.milestone_features"
LABELS, MILESTONE_LABELS = "features.project_labels", "features.milestone_labels"
OUTLOOK, MILESTONE_OUTLOOK = "insights.project_outlook", "insights.milestone_outlook"
SHEET, POLICY = "insights.release_decisions", "insights.release_policy"
VALUES = "insights.decision_values"
PERFORMANCE, READOUT = "insights.model_performance", "insights.experiment_readout"
LATER = "interval 1 hour"

PLANTS = (
    # the ledger
    missing(BALANCES, "project_without_balance"),
    added(BALANCES, "-1 as project_id", "balance_without_project"),
    changed(BALANCES, "pledged_amount", "0.01", "pledged_amount_is_that_of_the_balance"),
    changed(PROJECTS, "pledged_amount", "0.01", "pledged_amount_is_the_sum_of_pledges"),
    changed(PROJECTS, "pledge_count", "-1", "pledge_count_is_the_number_of_pledges"),
    changed(PROJECTS, "backer_count", "-1", "backer_count_is_the_number_of_backer_balances"),
    changed(BACKERS, "held_amount", "held_amount + 0.01",
        "backer_balances_add_up_to_that_of_the_project",
        f"project_id = (select min(project_id) from {BACKERS})"),
    changed(BACKERS, "refunded_amount", "-0.01", "no_amount_of_a_backer_is_negative"),
    # a cent of one backer is another one's: all sums are as before
    *(Plant(BACKERS, f"select * replace (({column} + case row_number() over (partition by"
        " project_id order by backer_id) when 1 then 0.01 when 2 then -0.01 else 0 end)"
        f"::decimal(18, 2) as {column}) from {{it}}",
        "backer_balance_is_what_the_ledger_moved") for column in ("pledged_amount", "held_amount")),
    Plant(BACKERS, "select * replace ((released_amount - moved)::decimal(18, 2) as released_amount,"
        " (held_amount + moved)::decimal(18, 2) as held_amount) from (select *, case row_number()"
        " over (partition by project_id order by held_amount + released_amount desc) when 1 then"
        " 0.01 when 2 then -0.01 else 0 end as moved from {it}) as it",
        "released_to_a_backer_is_the_approved_share"),
    changed(LEDGER, "amount", "amount + 0.01", "deposits_are_the_pledges"),
    changed(BALANCES, "held_amount", "held_amount + 1",
        "live_project_holds_all_pledges stopped_project_holds_nothing"
        " milestone_outlook_shows_the_balance"),
    changed(BALANCES, "refunded_amount", "-1", "unsuccessful_project_has_refunded_all"),
    changed(BALANCES, "released_amount", "-1", "nothing_is_released_without_an_approval"),
    changed(MILESTONES, "funding_amount", "0.01",
        "milestone_amounts_add_up_to_the_goal current_plan_is_the_milestones"),
    changed(LEDGER, "occurred_at", f"occurred_at - {LATER}",
        "release_is_of_a_milestone_approved_then"
        " refund_of_an_unsuccessful_project_comes_at_its_end"
        " refund_of_a_successful_project_is_of_its_stopped_milestone"),
    changed(PROJECTS, "project_status", "'live'", "money_of_a_live_project_moves"),
    # nothing is newer than AS_OF
    Plant("core.warehouse_as_of", "select timestamp '2000-01-01' as as_of",
        "movement_after_as_of pledge_at_or_after_as_of exposure_at_or_after_as_of"
        " project_launched_or_cancelled_at_or_after_as_of milestone_event_at_or_after_as_of"
        " current_project_row_is_at_as_of current_milestone_row_is_at_as_of"
        " project_snapshot_after_as_of milestone_snapshot_after_as_of"
        " milestone_label_is_known_after_the_start_and_by_as_of"
        " project_outlook_is_at_as_of milestone_outlook_is_at_as_of readout_is_at_as_of"
        " nothing_has_matured_after_as_of"),
    # statuses
    changed(PROJECTS, "project_status", "'cancelled'", "project_status_follows_from_its_events"),
    changed(PROJECTS, "is_successful", "not is_successful",
        "successful_is_what_the_status_says project_label_is_the_projects_outcome"),
    changed(PROJECTS, "outcome_known_at", f"outcome_known_at + {LATER}",
        "outcome_is_known_at_deadline_or_cancellation project_label_is_known_when_the_outcome_is"),
    changed(PROJECTS, "funded_at", "null", "funded_at_the_deadline_of_a_successful_project"),
    changed(MILESTONES, "project_id", "-1", "milestone_without_project"),
    changed(MILESTONES, "resolution", "'rejected'", "resolution_is_the_status"),
    changed(MILESTONES, "milestone_status", "'open'",
        "open_or_submitted_says_whether_it_was_submitted milestones_of_a_live_project_are_planned"
        " milestones_of_an_unsuccessful_project_are_void started_unless_planned_or_void"
        " after_an_unapproved_milestone_nothing_is_open"),
    changed(MILESTONES, "submitted_at", "null", "resolved_milestone_was_submitted_before"),
    changed(MILESTONES, "started_at", f"started_at + {LATER}",
        "started_when_funded_and_the_previous_one_approved start_row_for_each_started_milestone"),
    changed(MILESTONES, "milestone_status", "'expired'",
        "expired_exactly_when_unresolved_180_days_after_due"),
    changed(MILESTONES, "milestone_number", "milestone_number + 1", "milestone_numbers_run_from_1"),
    changed(MILESTONES, "submitted_at", "timestamp '2100-01-01'",
        "votes_lie_between_submission_and_resolution"),
    # features
    missing(FEATURES, "current_row_for_each_live_project", CURRENT),
    changed(FEATURES, "pledged_amount", "-1", "current_pledged_amount_is_the_projects"),
    changed(FEATURES, "pledge_count", "-1", "current_pledge_count_is_the_projects"),
    changed(FEATURES, "unique_backer_count", "-1", "current_backer_count_is_the_projects"),
    changed(FEATURES, "funding_ratio", "-1",
        "current_funding_ratio_is_pledged_over_goal project_outlook_shows_the_current_features"),
    changed(FEATURES, "is_decided", "not is_decided", "current_goal_reached_says_the_same"),
    changed(FEATURES, "category", "'x'", "current_attributes_are_the_projects"),
    missing(FEATURES, "launch_row_for_each_project", "snapshot_kind = 'launch'"),
    missing(MILESTONE_FEATURES, "current_row_for_each_open_milestone", CURRENT),
    changed(MILESTONE_FEATURES, "vote_count", "-1", "current_vote_count_is_the_number_of_votes"),
    changed(MILESTONE_FEATURES, "approval_ratio", "-1",
        "current_approval_ratio_is_that_of_the_votes"),
    changed(MILESTONE_FEATURES, "turnout_ratio", "-1", "current_turnout_is_votes_over_backers"),
    changed(MILESTONE_FEATURES, "is_submitted", "not is_submitted",
        "current_submission_is_the_status"),
    changed(MILESTONE_FEATURES, "is_decided", "not is_decided",
        "current_decided_exactly_when_the_grace_is_over"
        " open_milestone_is_decided_exactly_when_labelled_high_risk"),
    changed(MILESTONE_FEATURES, "overfunding_ratio", "-1",
        "current_overfunding_is_pledged_over_goal"),
    # labels
    added(LABELS, "-1 as project_id", "project_label_without_project"),
    missing(LABELS, "project_label_exactly_when_the_outcome_is_known"
        " no_more_have_matured_than_have_labels"),
    added(MILESTONE_LABELS, "-1 as milestone_id", "milestone_label_without_milestone"),
    changed(MILESTONES, "started_at", "null", "milestone_label_without_start"),
    missing(MILESTONE_LABELS, "milestone_label_exactly_when_resolved_or_grace_over"),
    changed(MILESTONE_LABELS, "is_high_risk", "not is_high_risk",
        "high_risk_unless_approved_within_the_grace"),
    # outlooks
    missing(OUTLOOK, "project_outlook_has_each_live_project"),
    changed(OUTLOOK, "backer_count", "-1", "project_outlook_shows_the_projects_money"),
    changed(OUTLOOK, "title", "'x'", "project_outlook_shows_the_projects_names_and_deadline"),
    changed(OUTLOOK, "final_amount_low", "-1",
        "final_amounts_are_in_order_and_not_below_what_is_pledged"),
    missing(MILESTONE_OUTLOOK,
        "milestone_outlook_has_each_open_milestone sheet_has_each_row_of_the_outlook"),
    changed(MILESTONE_OUTLOOK, "is_submitted", "not is_submitted",
        "milestone_outlook_shows_the_status_and_submission sheet_submission_is_the_outlooks"),
    changed(MILESTONE_OUTLOOK, "approval_count", "-1",
        "milestone_outlook_counts_the_votes sheet_votes_are_the_outlooks"),
    changed(MILESTONE_OUTLOOK, "approval_ratio", "-1",
        "milestone_outlook_approval_ratio_is_that_of_its_counts"),
    changed(MILESTONE_OUTLOOK, "milestone_title", "'x'",
        "milestone_outlook_shows_the_milestones_names_and_due_date"),
    changed(MILESTONE_OUTLOOK, "is_decided", "not is_decided", "known_outcome_is_shown_as_one"),
    # predictions
    missing("staging.stg_predictions",
        "shown_prediction_was_made no_more_predictions_mature_than_were_made"),
    changed(OUTLOOK, "success_probability", "success_probability / 2 + 0.1",
        "shown_probability_is_the_predicted_one"),
    changed(OUTLOOK, "is_success_predicted", "not is_success_predicted",
        "shown_label_is_the_predicted_one label_says_whether_the_probability_is_one_half"),
    changed(OUTLOOK, "reasons", "'x'", "shown_reasons_are_the_predictions"),
    changed(OUTLOOK, "success_probability", "1.5", "probability_lies_between_0_and_1"),
    changed(MILESTONE_OUTLOOK, "risk_source", "'none'",
        "no_probability_exactly_without_a_source"),
    changed(OUTLOOK, "success_probability", "null", "each_live_row_is_predicted_or_none",
        f"project_id = (select max(project_id) from {OUTLOOK})"),
    changed(OUTLOOK, "model_version", "'x'", "shown_version_is_the_one_in_use"),
    changed(OUTLOOK, "skill_state", "'x'", "shown_skill_is_that_of_the_version_in_use"),
    Plant("intermediate.int_models_in_use", "from {it} union all from {it}",
        "one_version_serves_a_model"),
    changed("staging.stg_prediction_reasons", "model_version", "'x'",
        "reason_is_of_its_prediction"),
    # the decision sheet
    changed(SHEET, "risk_probability",
        "coalesce(nextafter(risk_probability, cast(2 as double)), 0)",
        "sheet_risk_is_the_outlooks_to_the_bit"),
    changed(SHEET, "risk_source", "'none'",
        "known_outcome_is_one_on_the_sheet no_risk_exactly_without_a_source_on_the_sheet"),
    Plant(SHEET,
        "select * replace ('prediction' as risk_source, 'not_proven' as skill_state) from {it}",
        "prediction_decides_exactly_with_proven_skill"),
    Plant(SHEET, "select * replace ('similar past milestones' as risk_source,"
        " 0.123 as risk_probability) from {it}",
        "risk_by_facts_is_the_share_of_similar_milestones"),
    added(VALUES, "'vote_1d' as snapshot_kind, unnest(['oracle', 'recommendations'])"
        " as decision_policy, unnest([1, 2]) as milestone_count",
        "all_policies_are_valued_on_the_same_milestones"),
    added(VALUES, "'vote_1d' as snapshot_kind, unnest(['oracle', 'recommendations'])"
        " as decision_policy, unnest([2, 1]) as lost_amount, 9 as payment_amount,"
        " 0 as milestone_count",
        "oracle_loses_least_and_no_policy_more_than_it_pays"),
    changed(SHEET, "reasons", "'x'", "sheet_reasons_and_version_are_the_outlooks"),
    changed(SHEET, "days_overdue", "-1", "days_overdue_are_days_left_below_zero"),
    changed(SHEET, "held_amount", "-1", "sheet_holds_the_outlooks_money"),
    changed(SHEET, "release_amount", "release_amount + 0.01",
        "payment_is_what_the_ledger_would_release"),
    changed(SHEET, "held_back_amount", "held_back_amount + 0.01",
        "held_back_amount_is_a_fifth_of_the_payment"),
    changed(SHEET, "expected_loss_amount", "null", "expected_loss_exactly_with_a_risk"),
    changed(SHEET, "expected_loss_amount_held_back", "release_amount + 1",
        "expected_loss_is_at_most_the_payment"),
    changed(SHEET, "loss_ratio", "2", "loss_ratio_is_the_one_measured"),
    changed(SHEET, "recommendation", "'release'", "only_what_is_submitted_is_released"),
    changed(SHEET, "recommendation", "case when is_decided then 'watch' else 'overdue' end",
        "overdue_exactly_when_the_grace_is_over"),
    Plant(SHEET, "select * replace ('release' as recommendation, 0.1 as approval_ratio) from {it}",
        "nothing_is_paid_against_the_votes_or_a_known_outcome"),
    Plant(SHEET, "select * replace ('release' as recommendation, 0.9 as risk_probability)"
        " from {it}",
        "review_or_hold_back_follows_the_risk"),
    Plant(SHEET, "select * replace (true as is_submitted, 1000000 as rejection_count,"
        " 'review' as recommendation) from {it}",
        "majority_of_all_backers_against_is_final"),
    changed(SHEET, "release_strategy", "'x'", "sheet_strategies_are_the_projects_and_the_bandits"),
    # performance
    changed(PERFORMANCE, "pending_count", "-1", "matured_and_pending_are_all_predictions"),
    changed(PERFORMANCE, "base_rate", "null", "figures_exactly_where_something_has_matured"),
    changed(PERFORMANCE, "brier_score", "-1", "figures_lie_between_0_and_1"),
    changed(PERFORMANCE, "accuracy", "0.123456", "accuracy_is_a_count_over_the_matured"),
    # policy, drift, experiments
    added(POLICY, "0.5 as launch_share_ratio, 0.5 as best_probability",
        "launch_shares_add_up_to_1 chances_to_be_best_add_up_to_1"),
    added(POLICY, "'x' as bandit_version union all by name select 'y' as bandit_version",
        "policy_is_of_one_week_and_version policy_is_of_the_bandit_in_use_by_as_of"),
    added("staging.stg_bandit_decisions",
        "1 as project_id, unnest([timestamp '2100-01-01', timestamp '2100-01-02']) as batch_at,"
        " timestamp '2024-01-01' as launched_at",
        "bandit_decides_once_a_project bandit_decides_by_what_was_known_at_the_launch"),
    added("insights.drift_alerts",
        "'m' as model_name, 'f' as feature, 'd3' as snapshot_kind, timestamp '2100-01-01' as as_of",
        "alert_is_measured_as_one alert_is_at_as_of_and_since_before"
        " alerts_are_those_that_the_status_counts"),
    missing(READOUT, "readout_shows_a_whole_analysis", "look_number = 1"),
    Plant(READOUT, f"from {{it}} union all"
        f" select * replace (measured_at - {LATER} as measured_at) from {{it}}",
        "readout_shows_one_analysis_per_experiment"),
    changed(READOUT, "decision", "'x'", "readout_says_what_was_written"),
    changed(READOUT, "control_exposed_count", "1000000",
        "readout_counts_no_more_backers_than_were_exposed"),
)  # fmt: skip


def checks_in(compiled: Path) -> set[str]:
    """The names of all checks in the compiled tests of a folder."""
    texts = [file.read_text(encoding="utf-8") for file in compiled.glob("*.sql")]
    return {name for text in texts for name in re.findall(r"'(\w+)' as check_name", text)}


def planted_checks() -> set[str]:
    """The names of all checks for which a contradiction is planted."""
    return {name for plant in PLANTS for name in plant.checks.split()}


def unseen(database: Path, compiled: Path) -> Iterator[str]:
    """Plants each contradiction and names the checks that do not see theirs.

    Args:
        database: A whole warehouse; it is only read.
        compiled: Folder of the compiled tests, which name the tables of that warehouse.
    """
    tests = [sql for file in compiled.glob("*.sql") if "check_name" in (sql := file.read_text())]
    with duckdb.connect(str(database), read_only=True) as connection:
        for plant in PLANTS:
            checks = plant.checks.split()
            real = '"escrow".' + ".".join(f'"{part}"' for part in plant.table.split("."))
            planted = f"({plant.query.replace('{it}', real)})"
            seen = {
                name
                for sql in tests
                if real in sql
                for (name,) in connection.execute(
                    f"select distinct check_name from ({sql.replace(real, planted)})"
                    " where list_contains($checks, check_name)",
                    {"checks": checks},
                ).fetchall()
            }
            yield from sorted(set(checks) - seen)
