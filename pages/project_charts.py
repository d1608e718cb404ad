"""The funding curve of each project within those of similar past campaigns, and its milestones."""

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts
from pages.links import id_list
from pages.published import Published

STEPS = 20  # of the campaign's duration
MAX_CAMPAIGNS = 100_000  # the newest; deciles of more would be the same
ENDED = ("successful", "failed")  # states of campaigns that ran to their deadline
# What was pledged strictly before each twentieth of the campaign, as a share of the goal; of a live
# one up to now.
_SUMS = ", ".join(f"sum(amount) filter (step between 0 and {step})" for step in range(STEPS + 1))
_STEPS = f"""
    pledged as (
        select
            project_id,
            {STEPS} * (epoch_us(pledged_at) - epoch_us(launched_at))
            // (epoch_us(deadline_at) - epoch_us(launched_at)) + 1 as step,
            sum(amount) as amount
        from core.fct_pledges
        inner join chosen using (project_id)
        group by all
    ),
    sums as (
        select project_id, [{_SUMS}] as amounts from pledged group by project_id
    ),
    steps as (
        select
            project_id, category, step,
            coalesce(amounts[step + 1], 0) / funding_goal as funded_ratio
        from chosen
        cross join (select unnest(range({STEPS} + 1)) as step)
        left join sums using (project_id)
        cross join core.warehouse_as_of
        where
            epoch_us(launched_at)
            + step * (epoch_us(deadline_at) - epoch_us(launched_at)) // {STEPS}
            <= epoch_us(least(as_of, coalesce(cancelled_at, as_of)))
    )"""
_BANDS = f"""
    with chosen as (
        from core.dim_projects where project_status in {ENDED}
        order by deadline_at desc, project_id limit {MAX_CAMPAIGNS}
    ), {_STEPS}
    select
        category, step / {STEPS} as elapsed, count(*) as campaign_count,
        quantile_cont(funded_ratio, [0.1, 0.5, 0.9]) as shares
    from steps group by category, step order by category, step"""
_CURVES = f"""
    with chosen as (
        select * from core.dim_projects where project_id in ({{ids}})
    ), {_STEPS}
    select project_id, step / {STEPS} as elapsed, funded_ratio
    from steps
    union
    select
        project_id,
        (epoch_us(least(as_of, deadline_at, coalesce(cancelled_at, as_of)))
            - epoch_us(launched_at)) / (epoch_us(deadline_at) - epoch_us(launched_at)),
        pledged_amount / funding_goal
    from chosen cross join core.warehouse_as_of
    order by project_id, elapsed"""


_TOP = 2.5  # shares of the goal above this leave the drawing, unless the project itself is there
_HEIGHT, _WIDTH = 180, 440  # small enough to be read on a phone
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 24


class Band:
    """Funded shares of past campaigns of one category, by elapsed share."""

    def __init__(self, campaign_count: int, points: list[dict[str, float]]) -> None:
        """Takes how many campaigns there are, and their deciles at each elapsed share."""
        self.campaign_count, self.points = campaign_count, points

    def median_at(self, elapsed: float) -> float:
        """Returns the median at the last twentieth that is over."""
        return [each["median"] for each in self.points if each["elapsed"] <= elapsed][-1]


def read_bands(published: Published) -> dict[str, Band]:
    """Returns the band of each category: campaigns that ran to their deadline before `AS_OF`."""
    points: dict[str, list[dict[str, float]]] = defaultdict(list)
    counts: dict[str, int] = {}
    for category, elapsed, count, (low, median, high) in published.fetch(_BANDS):
        counts[category] = count
        points[category].append({"elapsed": elapsed, "low": low, "median": median, "high": high})
    return {category: Band(counts[category], points[category]) for category in points}


def read_curves(published: Published, ids: Iterable[int]) -> dict[int, list[tuple[float, float]]]:
    """Returns the funding curves of projects: elapsed share and funded share."""
    curves: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for project_id, elapsed, funded in published.fetch(_CURVES.format(ids=id_list(ids))):
        curves[project_id].append((elapsed, funded))
    return curves


def sparkline(curve: list[tuple[float, float]]) -> Markup:
    """Returns a curve as a picture in a line of text; the dashed line is the goal."""
    top = max(1.0, curve[-1][1])
    points = " ".join(
        f"{elapsed * _SPARK_WIDTH:.1f},{_SPARK_HEIGHT - funded / top * (_SPARK_HEIGHT - 2):.1f}"
        for elapsed, funded in curve
    )
    goal = f"{_SPARK_HEIGHT - (_SPARK_HEIGHT - 2) / top:.1f}"
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<path d="M0 {}H{}"/><polyline points="{}"/></svg>'
    ).format(
        _SPARK_WIDTH,
        _SPARK_HEIGHT,
        f"{100 * curve[-1][1]:.0f} % of the goal after {100 * curve[-1][0]:.0f} % of the time",
        goal,
        _SPARK_WIDTH,
        points,
    )


class FundingCharts:
    """Draws the same chart for many projects: only its data change."""

    def __init__(self, bands: Mapping[str, Band]) -> None:
        """Takes the bands of the categories."""
        self._bands = bands
        self._specification: dict[str, Any] = _funding_chart().to_dict()

    def draw(self, facts: Mapping[str, Any], curve: list[tuple[float, float]]) -> Markup:
        """Returns the chart of a project."""
        band = self._bands.get(facts["category"])
        elapsed, funded = curve[-1]
        past = band.points if band else []
        highest = max((each["high"] for each in past), default=0)
        top = max(1.25, 1.1 * max(share for _, share in curve), min(highest, _TOP))
        specification = copy.copy(self._specification)
        specification["datasets"] = {
            "band": [{key: min(value, top) for key, value in each.items()} for each in past],
            "curve": [{"elapsed": time, "funded": share} for time, share in curve],
            "goal": [{"funded": 1}],
        }
        if not band:
            compared = "No campaign of this category has ended yet: there is nothing to compare."
        else:
            among = ", this one included" if facts["project_status"] in ENDED else ""
            compared = (
                f"Shaded: the middle eight tenths of the {band.campaign_count:,} campaigns of this"
                f" category that ran to their deadline{among}; dashed: their median,"
                f" {100 * band.median_at(elapsed):.0f} % at this time."
                f"{' Cut at the top.' if highest > top else ''}"
            )
        now = (
            f"Line: this project, {100 * funded:.0f} % after {100 * elapsed:.0f} % of its time;"
            " horizontal: its goal."
        )
        return charts.chart(
            "funding",
            lambda _: specification,
            text=f"Funded share of the goal by elapsed share of the campaign. {now} {compared}",
            caption=f"{now} {compared}",
            phone=False,
        )


def _funding_chart() -> Any:
    axis = alt.Axis(format="%", title="Elapsed share of the campaign", grid=False, tickCount=5)
    x = alt.X("elapsed:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    y_axis = alt.Axis(format="%", title="Funded share of the goal", tickCount=5)
    band, curve = alt.NamedData("band"), alt.NamedData("curve")
    shown = [
        alt.Tooltip("elapsed:Q", format=".0%", title="Elapsed"),
        alt.Tooltip("funded:Q", format=".1%", title="Funded"),
    ]
    layers = alt.layer(
        alt.Chart(band)
        .mark_area(color=charts.COLORS[0], opacity=0.18)
        .encode(x=x, y=alt.Y("low:Q", axis=y_axis), y2=alt.Y2("high:Q")),
        alt.Chart(band)
        .mark_line(color=charts.FAINT, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x=x, y=alt.Y("median:Q")),
        alt.Chart(alt.NamedData("goal"))
        .mark_rule(color=charts.COLORS[2], strokeWidth=1.5)
        .encode(y=alt.Y("funded:Q")),
        alt.Chart(curve)
        .mark_line(color=charts.COLORS[0], strokeWidth=2.5, point={"size": 18})
        .encode(x=x, y=alt.Y("funded:Q"), tooltip=shown),
    )
    return layers.properties(width=_WIDTH, height=_HEIGHT)


def timeline(milestones: list[dict[str, Any]], as_of: datetime) -> list[dict[str, Any]]:
    """Returns the milestones with their places, in percent of the time from first to last."""
    times = [row[key] for row in milestones for key in ("started_at", "due_at", "resolved_at")]
    known = [each for each in [*times, *(row["submitted_at"] for row in milestones)] if each]
    if not known:
        return []
    first, last = min(known), max(known)
    duration = (last - first).total_seconds() or 1.0

    def place(time: datetime | None) -> float | None:
        return None if time is None else round(96 * (time - first).total_seconds() / duration, 1)

    return [
        {
            **row,
            "due_place": place(row["due_at"]),
            "submitted_place": place(row["submitted_at"]),
            "start_place": place(row["started_at"]),
            "end_place": place(row["resolved_at"] or min(max(as_of, first), last))
            if row["started_at"]
            else None,
        }
        for row in milestones
    ]
