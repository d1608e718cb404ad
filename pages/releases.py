"""The page of the releases: what to decide now, what to watch, what is overdue, and why."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from pages.failures import failures
from pages.formats import due, label, money, percent, prediction_time, tone
from pages.published import Published
from pages.release_limits import Limits
from pages.site import Site
from pages.tables import Column, badge

MAX_ROWS = {"decide": 80, "watch": 115, "overdue": 40}  # what keeps the page below 300 kB
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
        (select as_of from core.warehouse_as_of) as as_of
    from insights.release_decisions"""
_LOSS_RATIOS = """
    select
        case
            when approval_count > rejection_count then 'with more votes for than against'
            when vote_count > 0 then 'with as many votes for as against, or fewer'
            else 'without votes, from all high-risk ones'
        end as votes,
        any_value(loss_ratio) as loss_ratio,
        any_value(hold_back_risk) as hold_back_risk
    from insights.release_decisions
    group by votes
    order by loss_ratio, votes"""
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
        case
            when is_submitted then 'decide' when recommendation = 'overdue' then 'overdue'
            else 'watch'
        end as part,
        count(*) over (partition by part) as part_count,
        project_id, milestone_id, project_title, milestone_title, milestone_number,
        milestone_count, days_left, days_overdue, submitted_at, vote_count, approval_count,
        rejection_count, approval_ratio, turnout_ratio, held_amount, release_amount,
        risk_probability, risk_source, expected_loss_amount, expected_loss_amount_held_back,
        release_strategy, recommendation, recommendation_reason, reasons
    from insights.release_decisions
    qualify row_number() over (
        partition by part
        order by expected_loss_amount desc nulls last, release_amount desc, milestone_id
    ) <= (map {MAX_ROWS})[part]
    order by expected_loss_amount desc nulls last, release_amount desc, milestone_id"""
_DECISION_VALUES = """
    from insights.decision_values
    order by snapshot_kind, list_position(
        ['always_release', 'fixed_limits', 'rule_on_facts', 'recommendations', 'oracle'],
        decision_policy
    )"""
_MILESTONE = Column("project_title", "Milestone", "title", link="path", note="milestone")
_MONEY = (
    Column("release_amount", "Payment", "money", note="held"),
    Column("risk", "Risk", "percent", note="risk_note"),
    Column("expected_loss_amount", "Expected loss", "money", note="kept_loss"),
)
_STRATEGY = Column("strategy", "Release strategy", filter=True)
_PARTS = {
    "decide": (
        _MILESTONE,
        Column("badge", "Recommendation", note="recommendation_reason", filter=True),
        Column("submitted_at", "Submitted", "day"),
        Column("votes", "Votes", note="turnout"),
        *_MONEY,
        _STRATEGY,
    ),
    "watch": (_MILESTONE, Column("due", "Due", "number"), *_MONEY, _STRATEGY),
    "overdue": (
        _MILESTONE,
        Column("days_overdue", "Days overdue", "number"),
        *_MONEY,
    ),
}
_RECOMMENDATION_COLUMNS = (
    Column("badge", "Recommendation"),
    Column("milestone_count", "Milestones", "count"),
    Column("release_amount", "Payment at approval", "money"),
    Column("expected_loss_amount", "Expected loss, paid in full", "money"),
    Column("expected_loss_amount_held_back", "With 20 % held back", "money"),
)
_VALUE_COLUMNS = (
    Column("policy", "Decided by"),
    Column("when", "When"),
    Column("released_count", "Paid in full", "count", note="released_note"),
    Column("lost_amount_per_1000", "Lost per 1,000 milestones", "money", note="lost_note"),
    Column("always_release_ratio", "Against always release", "percent", note="ratio_note"),
)


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    sheet = [_decision(row, site) for row in published.rows(_SHEET)]
    parts = {part: [row for row in sheet if row["part"] == part] for part in _PARTS}
    kinds = published.snapshot_kinds("milestone")
    values = [_value(row, kinds) for row in published.rows(_DECISION_VALUES)]
    site.write(
        "releases/index.html",
        "releases.html.jinja",
        failures=failures(published, "bandit"),
        totals=published.rows(_TOTALS)[0],
        loss_ratios=published.rows(_LOSS_RATIOS),
        recommendations=[
            row | {"badge": _badge(row["recommendation"])}
            for row in published.rows(_RECOMMENDATIONS)
        ],
        recommendation_columns=_RECOMMENDATION_COLUMNS,
        parts=parts,
        columns=_PARTS,
        counts={part: rows[0]["part_count"] if rows else 0 for part, rows in parts.items()},
        limits=Limits(published),
        values=values,
        value_columns=_VALUE_COLUMNS,
    )


def _badge(recommendation: str) -> Markup:
    return badge(tone(recommendation), label(recommendation))


def _decision(row: dict[str, Any], site: Site) -> dict[str, Any]:
    votes = f"{row['approval_count']:,} for, {row['rejection_count']:,} against"
    is_known = row["risk_source"] == "known outcome"
    return row | {
        "path": site.links.milestone(row["project_id"], row["milestone_id"]),
        "milestone": (
            f"{row['milestone_title']} ({row['milestone_number']} of {row['milestone_count']})"
        ),
        "badge": _badge(row["recommendation"]),
        "votes": votes if row["vote_count"] else "no votes",
        "votes_sort": row["approval_ratio"],
        "turnout": (
            f"{percent(row['approval_ratio'])} for, {percent(row['turnout_ratio'])} turnout"
            if row["vote_count"]
            else None
        ),
        "due": Markup(due(row["days_left"])),
        "due_order": row["days_left"],
        "held": f"of {money(row['held_amount'])} held",
        "risk": Markup("certain") if is_known else row["risk_probability"],
        "risk_order": row["risk_probability"],
        "risk_note": _source(row),
        "kept_loss": _kept_loss(row["expected_loss_amount_held_back"]),
        "strategy": label(row["release_strategy"]) if row["release_strategy"] else "not given",
    }


def _source(row: dict[str, Any]) -> str | None:
    """Returns where a risk comes from, with the model's largest contributions."""
    if row["risk_source"] == "none":
        return None
    if row["risk_source"] == "prediction" and row["reasons"] and row["part"] == "decide":
        return f"prediction: {row['reasons']}"
    return str(row["risk_source"])


def _kept_loss(amount: Any) -> str | None:
    return None if amount is None else f"{money(amount)} with 20 % held back"


def _value(row: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    return row | {
        "policy": label(row["decision_policy"]),
        "when": prediction_time(row["snapshot_kind"], kinds),
        "released_note": (
            f"of {row['milestone_count']:,}; {percent(row['released_high_risk_ratio'])} high risk"
        ),
        "lost_note": _interval(
            [row["lost_amount_per_1000_low"], row["lost_amount_per_1000_high"]], money
        ),
        "ratio_note": (
            None
            if row["decision_policy"] == "always_release"
            else _interval(
                [row["always_release_ratio_low"], row["always_release_ratio_high"]], percent
            )
        ),
    }


def _interval(ends: Sequence[Any], shown: Any) -> str:
    return "no interval" if None in ends else " to ".join(shown(end) for end in ends)
