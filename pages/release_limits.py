"""The limits of a risk from which a payment is held back or reviewed: drawn, and to be moved.

A script moves them (`static/releases.js`); amounts are whole cents there as well.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import altair as alt
from markupsafe import Markup

from pages.charts import COLORS, INK, chart, colors, values
from pages.formats import label, money
from pages.published import Published

Row = dict[str, Any]
_MAX_POINTS = 110
_GRID = 40  # points of a limit, drawn over payments
_ACTIONS = ("release", "hold_back_20", "review")
# In the drawing, each recommendation always has the same colour.
_COLORS = {
    "release": COLORS[2],
    "hold_back_20": COLORS[4],
    "review": COLORS[1],
}
# The settings that the limits were made of: hold_back_risk = delay / (delay + loss_ratio), and
# review_risk is above it by review_cost / (payment - held back) / (delay + loss_ratio). Milestones
# with more votes for than against have one loss ratio: the limits decide about hardly any others.
_SETTINGS = """
    select
        any_value(hold_back_risk) as hold_back_risk,
        any_value(loss_ratio) as loss_ratio,
        any_value(loss_ratio / nullif(1 - hold_back_risk, 0)) as spread,
        round(any_value(hold_back_risk * loss_ratio / nullif(1 - hold_back_risk, 0)), 6)
            as delay_cost_ratio,
        cast(round(arg_min(
            (review_risk - hold_back_risk) * (release_amount - held_back_amount)
            * loss_ratio / nullif(1 - hold_back_risk, 0),
            release_amount
        ) filter (review_risk is not null), 2) as decimal(18, 2)) as review_cost,
        arg_max(cast(held_back_amount as double) / release_amount, release_amount)
            filter (release_amount > 0) as held_back_ratio
    from insights.release_decisions
    where approval_count > rejection_count"""
# Those whose recommendation follows from the limits, and not from votes or dates. What waits for
# money that is due costs delay_cost_ratio of it, if the milestone delivers.
_MOVABLE = """
    select
        project_title,
        recommendation,
        risk_probability,
        review_risk,
        release_amount,
        held_back_amount,
        expected_loss_amount,
        expected_loss_amount_held_back,
        cast(round(
            cast((1 - risk_probability) * $delay as decimal(19, 15)) * held_back_amount, 2
        ) as decimal(18, 2)) as delay_amount_held_back,
        cast(round(
            cast((1 - risk_probability) * $delay as decimal(19, 15)) * release_amount, 2
        ) as decimal(18, 2)) as delay_amount
    from insights.release_decisions
    where
        is_submitted and not is_decided and risk_probability is not null
        and recommendation in ('release', 'hold_back_20', 'review')
        and approval_count > rejection_count
    order by expected_loss_amount desc, milestone_id"""


class Limits:
    """What the page shows of the limits; `settings` is None where no milestone is open."""

    def __init__(self, published: Published) -> None:
        """Reads the limits and the milestones they decide about."""
        [settings] = published.rows(_SETTINGS)
        known = settings["delay_cost_ratio"] is not None and settings["review_cost"] is not None
        self.settings: Row | None = settings if known else None
        self.rows: list[Row] = []
        self.chart: Markup | None = None
        if self.settings:
            self.rows = published.rows(_MOVABLE, delay=settings["delay_cost_ratio"])
            points = [row for row in self.rows if row["release_amount"] > 0][:_MAX_POINTS]
            self.chart = _chart(points, settings) if points else None

    @property
    def actions(self) -> list[Row]:
        """Returns what each action pays and is expected to cost at the limits of the tables."""
        return [self._action(name) for name in _ACTIONS]

    def _action(self, name: str) -> Row:
        assert self.settings
        rows = [row for row in self.rows if row["recommendation"] == name]
        costs = [_costs(row, name, self.settings["review_cost"]) for row in rows]
        paid, lost, delayed = (sum(column, Decimal("0.00")) for column in _columns(costs))
        return {"name": name, "count": len(rows), "paid": paid, "lost": lost, "delayed": delayed}

    @property
    def as_json(self) -> Markup:
        """Returns what the script needs; amounts are text, since they may exceed its numbers."""
        assert self.settings
        data = {
            "hold": self.settings["hold_back_risk"],
            "spread": self.settings["spread"],
            "cost": _cents(self.settings["review_cost"]),
            "rows": [
                [
                    row["risk_probability"],
                    row["review_risk"],
                    *(
                        [_cents(amount) for amount in _costs(row, name, Decimal(0))]
                        for name in _ACTIONS
                    ),
                    _cents(row["release_amount"] - row["held_back_amount"]),
                ]
                for row in self.rows
            ],
        }
        return Markup(json.dumps(data, separators=(",", ":")))


def _costs(row: Row, action: str, review_cost: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Returns what an action pays, is expected to lose of it, and costs by delay and review."""
    match action:
        case "release":
            return row["release_amount"], row["expected_loss_amount"], Decimal("0.00")
        case "hold_back_20":
            paid = row["release_amount"] - row["held_back_amount"]
            return paid, row["expected_loss_amount_held_back"], row["delay_amount_held_back"]
        case _:
            return Decimal("0.00"), Decimal("0.00"), row["delay_amount"] + review_cost


def _columns(rows: Sequence[tuple[Decimal, ...]]) -> list[tuple[Decimal, ...]]:
    return list(zip(*rows, strict=True)) or [(), (), ()]


def _cents(amount: Decimal) -> str:
    return str(int(amount * 100))


def _chart(points: list[Row], settings: Row) -> Markup:
    payments = [float(row["release_amount"]) for row in points]
    curve = _grid(min(payments) / 1.5, max(payments) * 1.5)
    x = alt.X(
        "payment:Q",
        scale=alt.Scale(type="log", domain=[curve[0], curve[-1]], nice=False),
        axis=alt.Axis(title="Payment at approval", format="~s", tickCount=4, grid=False),
    )

    def build(width: int) -> Any:
        hold = alt.param(name="hold", value=settings["hold_back_risk"])
        cost = alt.param(name="cost", value=float(settings["review_cost"]))
        layers = (_marks(points, x, width), *_limits(curve, x, settings))
        return alt.layer(*layers, width=width, height=260).add_params(hold, cost)

    text = (
        f"Risk against payment of {len(points)} submitted milestones with more votes for than"
        " against, with two limits: 20 % is held"
        f" back from a risk of {100 * settings['hold_back_risk']:.1f} % on (line), and a person"
        " reviews from a risk that falls with the payment (dashed), at a review cost of"
        f" {money(settings['review_cost'])}."
    )
    return chart("risk-by-payment", build, text=text)


def _marks(points: list[Row], x: alt.X, width: int) -> Any:
    shown = [name for name in _COLORS if any(row["recommendation"] == name for row in points)]
    axis = alt.Axis(title="Risk", format=".0%", tickCount=5)
    return (
        alt.Chart(
            values(
                [
                    {
                        "title": row["project_title"],
                        "payment": row["release_amount"],
                        "risk": row["risk_probability"],
                        "recommendation": label(row["recommendation"]),
                    }
                    for row in points
                ]
            )
        )
        .mark_circle(size=60, opacity=0.85)
        .encode(
            x=x,
            y=alt.Y("risk:Q", scale=alt.Scale(domain=[0, 1]), axis=axis),
            color=colors(
                "recommendation",
                [label(name) for name in shown],
                [_COLORS[name] for name in shown],
                width,
            ),
            tooltip=[
                alt.Tooltip("title:N", title="Project"),
                alt.Tooltip("payment:Q", format=",.2f", title="Payment"),
                alt.Tooltip("risk:Q", format=".1%", title="Risk"),
                alt.Tooltip("recommendation:N", title="Recommendation"),
            ],
        )
    )


def _limits(curve: list[float], x: alt.X, settings: Row) -> tuple[Any, Any]:
    """Returns both limits as lines; scripts move them by the parameters `hold` and `cost`."""
    kept = settings["spread"] * (1 - settings["held_back_ratio"])
    limits = alt.Chart(values([{"payment": each} for each in curve])).transform_calculate(
        hold="hold", review=f"min(1, hold + cost / datum.payment / {kept!r})"
    )
    return (
        limits.mark_line(color=INK).encode(x=x, y=alt.Y("hold:Q")),
        limits.mark_line(color=INK, strokeDash=[5, 3]).encode(x=x, y=alt.Y("review:Q")),
    )


def _grid(low: float, high: float) -> list[float]:
    """Returns payments in equal steps of a logarithmic axis."""
    return [low * (high / low) ** (place / (_GRID - 1)) for place in range(_GRID)]
