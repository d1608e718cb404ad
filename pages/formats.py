"""How pages show a value: timestamps to the minute, money with cents, states in words."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

_MONTHS = (
    *("", "Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_NOT_ONE_KIND = {"all": "all prediction times", "matured": "outcomes known (matured)"}
_SKILL = {
    "proven": "beats base rate and one-feature rule",
    "not_proven": "no proven skill",
    "not_tested": "skill not tested",
    None: "no model",
}
LABELS = {
    "hold_back_20": "hold back 20 %",
    "holdback_20": "holdback of 20 %",
    "rule_on_facts": "similar past milestones",
    "recommendations": "the recommendations",
    "oracle": "oracle: knows the outcome",
    "equal_shares": "all four in equal shares",
    "bandit": "the bandit's choices, week by week",
    "next_launches": "the shares of the next launches",
    "on_time_share": "milestones on time",
    "money_kept_share": "money kept in escrow",
}
_TONES = {
    "release": "passed",
    "hold_back_20": "warning",
    "review": "warning",
    "do_not_release": "error",
    "overdue": "error",
}


def timestamp(value: datetime) -> str:
    """Returns a timestamp to the minute, as pages show it."""
    return f"{day(value)}, {value:%H:%M} UTC"


def day(value: date) -> str:
    """Returns a date as pages show it."""
    return f"{value.day} {_MONTHS[value.month]} {value.year}"  # ten times as fast as strftime


def money(value: Decimal | float | None) -> str:
    """Returns an amount with two decimals, as pages show it."""
    return "not known" if value is None else f"{value:,.2f}"


def percent(ratio: float | None, digits: int = 1) -> str:
    """Returns a share of 1 in percent, as pages show it."""
    return "not known" if ratio is None else f"{100 * ratio:.{digits}f} %"


def title(value: str, path: str | None = None) -> str:
    """Returns what people wrote; where nothing of it can be seen, so much, and the id in a path.

    >>> title("Lamp"), title(" ", "projects/any.html#7")
    ('Lamp', '(no title) 7')
    """
    if any(sign.isprintable() and sign != " " for sign in value):
        return value
    found = re.search(r"\d+", path or "")
    return f"(no title) {found[0]}" if found else "(no title)"


def counted(count: int, noun: str) -> str:
    """Returns how many there are of what a noun names, which takes an s in the plural.

    >>> counted(1, "live project"), counted(1200, "row")
    ('1 live project', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def due(days_left: float) -> str:
    """Returns when something is due, or was.

    >>> due(5.54), due(-12)
    ('in 5.5 days', '12.0 days ago')
    """
    return f"in {days_left:.1f} days" if days_left >= 0 else f"{-days_left:.1f} days ago"


def prediction_time(kind: str, texts: Mapping[str, str]) -> str:
    """Returns a kind of snapshot in plain words.

    Args:
        kind: Its name in the tables, or one of the names under which several are measured.
        texts: Of all kinds, as `Published.snapshot_kinds` returns them.

    >>> prediction_time("d3", {"d3": "3 days after launch (d3)"}), prediction_time("all", {})
    ('3 days after launch (d3)', 'all prediction times')
    """
    return texts.get(kind) or _NOT_ONE_KIND.get(kind, kind)


def skill(state: str | None) -> str:
    """Returns a model's skill state in plain words."""
    return _SKILL[state]


def label(value: str) -> str:
    """Returns a recommendation, a policy or a release strategy in plain words."""
    return LABELS.get(value, value.replace("_", " "))


def tone(recommendation: str) -> str:
    """Returns how much a recommendation asks for attention: a class of badges."""
    return _TONES.get(recommendation, "")
