"""The overview: where the money is, what needs a decision today, and whether to trust it."""

from typing import Any

from markupsafe import Markup

from pages import escrow
from pages.failures import failures
from pages.formats import label, money, tone
from pages.published import Published
from pages.site import Site
from pages.tables import Column, badge

MAX_ROWS = 10
DAYS_AHEAD = 14
_FACTS = f"""
    select
        (select count(*) from core.dim_projects) as project_count,
        (select coalesce(sum(held_amount), 0) from core.escrow_balances) as held_amount,
        (select count(*) from quality.quarantined_rows where run_id = (
            select run_id from raw.landing
        )) as quarantined_count,
        count(*) as milestone_count,
        count(*) filter (is_submitted or recommendation = 'overdue') as decision_count,
        count(*) filter (is_due) as due_count,
        coalesce(sum(release_amount) filter (is_due), 0) as due_amount,
        count(*) filter (is_payable) as payable_count,
        sum(expected_loss_amount) filter (is_payable) as expected_loss_amount,
        count(*) filter (is_payable and expected_loss_amount is null) as unpriced_count,
        coalesce(
            sum(release_amount) filter (is_payable and expected_loss_amount is null), 0
        ) as unpriced_amount
    from (
        select
            *,
            is_submitted and recommendation <> 'do_not_release' as is_payable,
            is_submitted or (recommendation = 'watch' and days_left <= {DAYS_AHEAD}) as is_due
        from insights.release_decisions
    )"""
_LIVE = """
    select
        count(*) as live_count,
        count(*) filter (is_decided) as decided_count,
        count(success_probability) filter (not is_decided) as predicted_count,
        count(*) filter (not is_decided and not is_success_predicted) as failing_count
    from insights.project_outlook"""
_TO_DECIDE = f"""
    select
        project_id, milestone_id, project_title, milestone_title, recommendation,
        recommendation_reason, release_amount, expected_loss_amount
    from insights.release_decisions
    where is_submitted or recommendation = 'overdue'
    order by
        is_submitted desc, expected_loss_amount desc nulls last, release_amount desc, milestone_id
    limit {MAX_ROWS}"""
_CLOSING = f"""
    select
        project_id, title, funding_goal, funding_ratio, days_left, is_decided,
        success_probability, final_amount_low, final_amount_median, final_amount_high
    from insights.project_outlook
    order by days_left, project_id
    limit {MAX_ROWS}"""
# Each project has reached its last step and all before it.
_FUNNEL = """
    with reached as (
        select
            project_id,
            any_value(pledged_amount) as pledged_amount,
            any_value(project_status) = 'live'
            or coalesce(bool_or(milestone_status in ('open', 'submitted')), false) as is_under_way,
            case
                when not coalesce(any_value(projects.is_successful), false) then 1
                when bool_and(milestone_status = 'approved') then 5
                when bool_or(milestone_number = 1 and milestone_status = 'approved') then 4
                when bool_or(milestone_number = 1 and submitted_at is not null) then 3
                else 2
            end as step
        from core.dim_projects as projects
        left join core.fct_milestones using (project_id)
        group by project_id
    ),
    steps as (
        select unnest([
            'Launched', 'Funded', 'First milestone submitted', 'First milestone approved',
            'All milestones paid out'
        ]) as title, unnest(range(1, 6)) as step
    )
    select
        title,
        count(project_id) as project_count,
        count(project_id) / nullif((select count(*) from reached), 0) as project_ratio,
        coalesce(sum(pledged_amount), 0) as pledged_amount,
        count(project_id) filter (reached.step = steps.step and is_under_way) as waiting_count
    from steps
    left join reached on reached.step >= steps.step
    group by title, steps.step
    order by steps.step"""
_MODELS = """
    select model_name, status, reason, skill_state, cutoff_at
    from intermediate.int_models_in_use
    order by model_name desc"""
_FINAL_AMOUNT = "select status, reason from intermediate.int_final_amount_in_use"
_DECISION_COLUMNS = (
    Column("project_title", "Milestone", "title", link="path", note="milestone_title"),
    Column("release_amount", "Payment", "money"),
    Column("expected_loss_amount", "Expected loss", "money"),
    Column("recommendation", "Recommendation", note="recommendation_reason", filter=True),
)
_CLOSING_COLUMNS = (
    Column("title", "Project", "title", link="path"),
    Column("days_left", "Days left", "number"),
    Column("funding_goal", "Goal", "money"),
    Column("funding_ratio", "Funded", "bar"),
    Column("success", "Probability of success", "percent"),
    Column("final_amount_median", "Final total (median)", "money", note="interval"),
)
_FUNNEL_COLUMNS = (
    Column("title", "Step"),
    Column("project_count", "Projects", "count"),
    Column("project_ratio", "Share of launched", "bar"),
    Column("waiting_count", "May still go on", "count"),
    Column("pledged_amount", "Pledged to them", "money"),
)


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    months = escrow.months(published)
    models = {row["model_name"]: row for row in published.rows(_MODELS)}
    site.write(
        "index.html",
        "overview.html.jinja",
        facts=published.rows(_FACTS)[0],
        days_ahead=DAYS_AHEAD,
        live=published.rows(_LIVE)[0],
        models=models,
        final_amount=next(iter(published.rows(_FINAL_AMOUNT)), None),
        decisions=[_decision(row, site) for row in published.rows(_TO_DECIDE)],
        decision_columns=_DECISION_COLUMNS,
        closing=[_closing(row, site) for row in published.rows(_CLOSING)],
        closing_columns=_CLOSING_COLUMNS,
        funnel=published.rows(_FUNNEL),
        funnel_columns=_FUNNEL_COLUMNS,
        chart=escrow.held_chart(months) if months else None,
        failures=failures(published, "train", "predict", "amount"),
    )


def _decision(row: dict[str, Any], site: Site) -> dict[str, Any]:
    recommended = row["recommendation"]
    return row | {
        "path": site.links.milestone(row["project_id"], row["milestone_id"]),
        "recommendation": badge(tone(recommended), label(recommended)),
    }


def _closing(row: dict[str, Any], site: Site) -> dict[str, Any]:
    low, high = row["final_amount_low"], row["final_amount_high"]
    return row | {
        "path": site.links.project(row["project_id"]),
        "success": Markup("goal reached") if row["is_decided"] else row["success_probability"],
        "success_order": row["success_probability"],
        "interval": None if low is None else f"{money(low)} to {money(high)}",
    }
