"""The page of the release decisions: payments, and the strategy of the next launches."""

from decimal import Decimal
from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.charts import COLORS
from pages.failures import failures
from pages.published import Published
from pages.site import Site

MAX_ROWS = 50
_TOTALS = """
    select
        count(*) as milestone_count,
        count(*) filter (is_submitted) as submitted_count,
        coalesce(sum(held_amount), 0) as held_amount,
        coalesce(sum(release_amount), 0) as release_amount,
        sum(expected_loss_amount) as expected_loss_amount,
        count(expected_loss_amount) as priced_count,
        count(*) filter (is_submitted and risk_probability is null) as by_hand_count,
        any_value(skill_state) as skill_state,
        any_value(loss_ratio) as loss_ratio,
        any_value(hold_back_risk) as hold_back_risk,
        (select as_of from core.warehouse_as_of) as as_of
    from insights.release_decisions"""
_RECOMMENDATIONS = """
    select
        recommendation,
        count(*) as milestone_count,
        sum(release_amount) as release_amount,
        sum(expected_loss_amount) as expected_loss_amount,
        sum(expected_loss_amount_held_back) as expected_loss_amount_held_back
    from insights.release_decisions
    group by recommendation
    order by list_position(
        [
            'do_not_release', 'review', 'hold_back_20', 'release', 'decide_by_hand', 'overdue',
            'watch'
        ],
        recommendation
    )"""
_SHEET = f"""
    select
        project_title, milestone_title, milestone_number, milestone_count, days_left, days_overdue,
        is_submitted, submitted_at, vote_count, approval_count, rejection_count, approval_ratio,
        turnout_ratio, held_amount, release_amount, risk_probability, risk_source,
        expected_loss_amount, expected_loss_amount_held_back, release_strategy, recommendation,
        recommendation_reason, reasons
    from insights.release_decisions
    order by
        is_submitted desc, expected_loss_amount desc nulls last, release_amount desc, milestone_id
    limit {MAX_ROWS}"""
_DECISION_VALUES = """
    from insights.decision_values
    order by snapshot_kind, list_position(
        ['always_release', 'fixed_limits', 'rule_on_facts', 'recommendations', 'oracle'],
        decision_policy
    )"""
_POLICY = """
    select
        release_strategy, launch_share_ratio, best_probability, expected_on_time_ratio,
        mean_money_kept_ratio, reward_count, pending_count, state, batch_at, bandit_version
    from insights.release_policy
    order by launch_share_ratio desc, release_strategy"""
_SHARES = """
    select batch_at, propensity
    from staging.stg_bandit_posteriors
    where release_strategy = $strategy
    order by batch_at"""
_VALUES = """
    select
        policy, metric, status, reason, value, ci_low, ci_high, decision_count
    from staging.stg_policy_values
    where estimator = 'doubly_robust'
    order by metric desc, value desc nulls last, policy"""
_NEWEST_RUN = """
    select status, reason, cast(settings->>'min_propensity' as double) as min_propensity
    from intermediate.int_bandits_in_use"""
# Milestones that the next launches will not deliver on time because of exploration, of 1,000: what
# is given beside the probability of being best, at what each strategy is expected to deliver.
_PRICE = """
    select
        1000 * sum((best_probability - launch_share_ratio) * expected_on_time_ratio) as late_count
    from insights.release_policy where state = 'learning'"""


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    policy = published.rows(_POLICY)
    values, chart = [], None
    if policy:
        values = published.rows(_VALUES)
        chart = _chart(published, policy)
    totals = published.rows(_TOTALS)[0]
    site.write(
        "releases/index.html",
        "releases.html.jinja",
        failures=failures(published, "bandit"),
        totals=totals,
        price=_price(totals, published.rows(_PRICE)[0]["late_count"]),
        recommendations=published.rows(_RECOMMENDATIONS),
        sheet=published.rows(_SHEET),
        decision_values=published.rows(_DECISION_VALUES),
        max_rows=MAX_ROWS,
        policy=policy,
        chart=chart,
        values=values,
        run=next(iter(published.rows(_NEWEST_RUN)), None),
    )


def _price(totals: dict[str, Any], late_count: float | None) -> dict[str, Any] | None:
    """Returns late milestones of 1,000, and their expected loss at the mean open payment."""
    if late_count is None:
        return None
    amount = None
    if totals["milestone_count"]:
        mean = Decimal(totals["release_amount"]) / totals["milestone_count"]
        amount = Decimal(str(late_count)) * mean * Decimal(totals["loss_ratio"])
    return {"late_count": late_count, "expected_loss_amount": amount}


def _chart(published: Published, policy: list[dict[str, Any]]) -> Markup:
    """Draws the share of launches that each strategy was given, week by week."""
    names = [row["release_strategy"] for row in policy]
    rows = [
        {"at": at, "strategy": name, "share": share}
        for name in names
        for at, share in published.fetch(_SHARES, strategy=name)
    ]
    color = alt.Color("strategy:N", title=None, scale=alt.Scale(domain=names, range=COLORS))
    axis = alt.Axis(format="%")
    share = alt.Y("share:Q", title="Share of the week's launches", axis=axis)
    shares = alt.Chart(charts.values(rows)).mark_line()
    now = ", ".join(
        f"{row['release_strategy']} {100 * row['launch_share_ratio']:.0f} %" for row in policy
    )
    return charts.chart(
        "shares",
        lambda width: shares.encode(
            x=charts.time_axis("at"),
            y=share,
            color=color,
            strokeDash=alt.StrokeDash("strategy:N", title=None, sort=names),
        ).properties(width=width, height=220),
        text=f"Share of launches by strategy and week; in the last one {now}.",
    )
