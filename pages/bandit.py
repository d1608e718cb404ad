"""The page of the bandit: how the next projects are to be paid, and what that is worth."""

from decimal import Decimal
from typing import Any

import altair as alt
from markupsafe import Markup

from pages.charts import COLORS, NARROW, chart, colors, time_axis, values
from pages.failures import failures
from pages.formats import label, percent
from pages.published import Published
from pages.series import forest
from pages.site import Site
from pages.tables import Column

Row = dict[str, Any]
_STRATEGIES = ("equal_tranches", "front_loaded", "back_loaded", "holdback_20")
_POLICY = """
    select
        release_strategy, launch_share_ratio, best_probability, expected_on_time_ratio,
        mean_money_kept_ratio, reward_count, pending_count, state, batch_at
    from insights.release_policy
    order by launch_share_ratio desc, release_strategy"""
_SHARES = """
    select cast(batch_at as date) as week, release_strategy as strategy, propensity as share
    from staging.stg_bandit_posteriors
    order by week, strategy"""
_VALUES = """
    select policy, metric, status, reason, value, ci_low, ci_high, decision_count
    from staging.stg_policy_values
    where estimator = 'doubly_robust'
    order by metric desc, value desc nulls last, policy"""
_NEWEST_RUN = """
    select status, reason, cast(settings->>'min_propensity' as double) as min_propensity
    from intermediate.int_bandits_in_use"""
# Milestones that the next launches will not deliver on time because of exploration, of 1,000: what
# is given beside the probability of being best, at what each strategy is expected to deliver. And
# what one late milestone is expected to lose, at the mean payment of an open one and the loss
# ratio of all.
_PRICE = """
    select
        1000 * sum((best_probability - launch_share_ratio) * expected_on_time_ratio) as late_count,
        (select sum(release_amount) from insights.release_decisions) as release_amount,
        (select count(*) from insights.release_decisions) as milestone_count,
        (select loss_ratio from intermediate.int_loss_ratio where has_majority_for is null)
            as loss_ratio
    from insights.release_policy where state = 'learning'"""
_POLICY_COLUMNS = (
    Column("strategy", "Strategy"),
    Column("launch_share_ratio", "Share of launches", "percent"),
    Column("best_probability", "Probability of being best", "percent"),
    Column("expected_on_time_ratio", "Milestones on time", "percent"),
    Column("mean_money_kept_ratio", "Money kept in escrow", "percent"),
    Column("reward_count", "Projects known", "count"),
    Column("pending_count", "Pending", "count"),
)
_VALUE_COLUMNS = (
    Column("policy", "Policy"),
    Column("measure", "Measured by", filter=True),
    Column("shown", "Value", "percent"),
    Column("interval", "95 % interval"),
)


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    policy = published.rows(_POLICY)
    estimates = published.rows(_VALUES) if policy else []
    shares = published.rows(_SHARES) if policy else []
    estimated = [row for row in estimates if row["status"] == "estimated"]
    site.write(
        "bandit/index.html",
        "bandit.html.jinja",
        failures=failures(published, "bandit"),
        run=next(iter(published.rows(_NEWEST_RUN)), None),
        policy=[row | {"strategy": label(row["release_strategy"])} for row in policy],
        policy_columns=_POLICY_COLUMNS,
        comparison=_comparison(estimated),
        price=_price(published.rows(_PRICE)[0]),
        shares_chart=_shares_chart(shares, policy) if shares else None,
        estimates=estimates,
        values=[_value(row) for row in estimates],
        value_columns=_VALUE_COLUMNS,
        values_chart=_values_chart(estimated) if estimated else None,
    )


def _comparison(rows: list[Row]) -> Row | None:
    """Returns what the bandit's choices and equal shares deliver, and which is proven better."""
    by_policy = {row["policy"]: row for row in rows if row["metric"] == "on_time_share"}
    if not by_policy.keys() >= {"bandit", "equal_shares"}:
        return None
    bandit, equal = by_policy["bandit"], by_policy["equal_shares"]
    if bandit["ci_low"] > equal["ci_high"]:
        verdict = "more, beyond chance"
    elif bandit["ci_high"] < equal["ci_low"]:
        verdict = "less, beyond chance"
    else:
        verdict = "the intervals overlap, so that the difference may be chance"
    return {"bandit": bandit, "equal": equal, "verdict": verdict}


def _price(row: Row) -> Row | None:
    """Returns late milestones of 1,000, and their expected loss at the mean open payment."""
    if row["late_count"] is None:
        return None
    amount = None
    if row["milestone_count"]:
        mean = Decimal(row["release_amount"]) / row["milestone_count"]
        amount = Decimal(str(row["late_count"])) * mean * Decimal(row["loss_ratio"])
    return {"late_count": row["late_count"], "expected_loss_amount": amount}


def _value(row: Row) -> Row:
    is_known = row["status"] == "estimated"
    return row | {
        "policy": label(row["policy"]),
        "measure": label(row["metric"]),
        "shown": row["value"] if is_known else Markup("not estimable"),
        "shown_order": row["value"],
        "interval": _interval(row) if is_known else row["reason"],
    }


def _interval(row: Row) -> str:
    return f"{percent(row['ci_low'])} to {percent(row['ci_high'])}"


def _shares_chart(shares: list[Row], policy: list[Row]) -> Markup:
    """Draws the share of launches that each strategy was given, week by week."""
    named = [row | {"strategy": label(row["strategy"])} for row in shares]
    axis = alt.Axis(title="Share of the week's launches", format=".0%", tickCount=5)

    def build(width: int) -> Any:
        return (
            alt.Chart(values(named), width=width, height=240)
            .mark_line(interpolate="step-after")
            .encode(
                x=time_axis("week"),
                y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), axis=axis),
                color=colors("strategy", [label(name) for name in _STRATEGIES], COLORS[:4], width),
                strokeDash=alt.StrokeDash("strategy:N", sort=None, legend=None),
                tooltip=[
                    alt.Tooltip("week:T", format="%d %b %Y", formatType="utc", title="Week of"),
                    alt.Tooltip("strategy:N", title="Strategy"),
                    alt.Tooltip("share:Q", format=".1%", title="Share"),
                ],
            )
        )

    now = ", ".join(
        f"{label(row['release_strategy'])} {100 * row['launch_share_ratio']:.0f} %"
        for row in policy
    )
    text = f"Share of launches by strategy and week; in the last one {now}."
    return chart("shares", build, text=text)


def _values_chart(rows: list[Row]) -> Markup:
    """Draws each policy's value with its interval, by measure."""
    measures = list(dict.fromkeys(row["metric"] for row in rows))
    text = "; ".join(
        f"{label(row['policy'])}, {label(row['metric'])}: {percent(row['value'])}"
        f" ({_interval(row)})"
        for row in rows
    )

    def build(width: int) -> Any:
        parts = [
            _forest([row for row in rows if row["metric"] == measure], width)
            for measure in measures
        ]
        return alt.vconcat(*parts, spacing=14)

    return chart("values-drawn", build, text=f"Value with 95 % interval. {text}.")


def _forest(rows: list[Row], width: int) -> Any:
    named = [
        {"name": label(row["policy"]), "value": row["value"], "low": row["ci_low"]}
        | {"high": row["ci_high"], "tone": ""}
        for row in rows
    ]
    equal = next((row["value"] for row in rows if row["policy"] == "equal_shares"), None)
    title = f"{label(rows[0]['metric'])}, line: {label('equal_shares')}"
    room = max(width - (250 if width > NARROW else 150), 160)
    return forest(named, title=None, form=".1%", width=room, line=equal).properties(title=title)
