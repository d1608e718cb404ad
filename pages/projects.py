"""The projects: live ones, all others, and a page of each that is live or recent."""

from typing import Any

import altair as alt
from markupsafe import Markup

from pages import charts, escrow, plain_list, reconciliation
from pages.blocks import Block, kept, rows_of, write_any, write_rows
from pages.formats import counted, money, skill, title
from pages.links import Links, id_list
from pages.project_blocks import project_blocks
from pages.project_charts import (
    FundingCharts,
    read_bands,
    read_curves,
    sparkline,
    timeline,
)
from pages.published import Published
from pages.site import Site
from pages.tables import Column

MAX_LIVE = 150  # rows of the first table; further live projects are among the others
LISTED = 40  # rows of the second table before more are asked for
LOADED = 20_000  # and after: they take a browser seconds, ten times as many not even minutes

_LIVE = f"""
    select
        project_id, outlook.title, creator_id, creator_name, outlook.category,
        case when outlook.is_decided then 'goal reached' else 'open' end as state,
        outlook.funding_ratio, outlook.funding_goal, outlook.pledged_amount, days_left,
        outlook.is_decided,
        success_probability, final_amount_low, final_amount_median, final_amount_high,
        elapsed_ratio
    from insights.project_outlook as outlook
    inner join core.dim_projects using (project_id)
    inner join features.project_features as features using (project_id)
    where features.snapshot_kind = 'current'
    order by outlook.days_left, project_id
    limit {MAX_LIVE}"""
_LIVE_COLUMNS = (
    Column("title", "Project", "title", link="path"),
    Column("creator_name", "Creator", "title", link="creator_path"),
    Column("category", "Category", "title", filter=True),
    Column("state", "State", filter=True),
    Column("funding_ratio", "Funded", "bar"),
    Column("funding_goal", "Goal", "money"),
    Column("pledged_amount", "Pledged", "money"),
    Column("days_left", "Days left", "number"),
    Column("probability", "Probability of success", "bar"),
    Column("final_amount_median", "Final amount, 90 % interval", "money", note="final_interval"),
    Column("curve", "Funding curve"),
)
_OTHERS = """
    with milestones as (
        select
            project_id, count(*) as milestone_count,
            count(*) filter (milestone_status = 'approved') as approved_count
        from core.fct_milestones group by project_id
    )
    select
        0 as entity_id,
        row_number() over (order by launched_at desc, project_id desc) - 1 as position,
        title, {project_path} as path, project_status, category, launched_at,
        coalesce(cancelled_at, deadline_at) as ended_at, funding_goal, projects.pledged_amount,
        projects.pledged_amount / funding_goal as funded_ratio,
        case
            when project_status = 'live' then 'not known yet'
            when project_status = 'successful' then
                format('{{}} of {{}} milestones approved', approved_count, milestone_count)
                || case
                    when held_amount > 0 or coalesce(refunded_amount, 0) = 0 then ''
                    when released_amount > 0 then ', rest refunded'
                    else ', all refunded'
                end
            when projects.pledged_amount = 0 then 'nothing pledged'
            else 'all refunded'
        end as outcome
    from core.dim_projects as projects
    left join core.escrow_balances using (project_id)
    left join milestones using (project_id)
    where (project_id in ({live})) is not true"""
_OTHER_COLUMNS = (
    Column("title", "Project", "title", link="path"),
    Column("project_status", "State", filter=True),
    Column("category", "Category", "title", filter=True),
    Column("launched_at", "Launched", "day"),
    Column("ended_at", "Ends or ended", "day"),
    Column("funding_goal", "Goal", "money"),
    Column("pledged_amount", "Pledged", "money"),
    Column("funded_ratio", "Funded", "percent"),
    Column("outcome", "Outcome"),
)
_TOTALS = """
    select
        count(*) as project_count,
        count(*) filter (project_status = 'live') as live_count,
        count(*) filter (project_status = 'live' and pledged_amount >= funding_goal)
            as reached_count,
        coalesce(sum(pledged_amount) filter (project_status = 'live'), 0) as pledged_amount
    from core.dim_projects"""
_LEVELS = ("below 30 %", "30 to 70 %", "above 70 %", "no prediction")


def write(published: Published, site: Site) -> None:
    """Writes all pages of projects, and the data of those without one."""
    live = published.rows(_LIVE)
    shown = {*site.links.projects, *(row["project_id"] for row in live)}
    curves = read_curves(published, shown)
    for row in live:
        _complete(row, site.links, curves)
    _write_list(published, site, live)
    _write_projects(published, site, curves)
    site.remove_stale("projects")


def skill_sentence(published: Published) -> str:
    """Returns what is known of the model's skill."""
    run = published.run_in_use("project_success")
    if run is None or run.status != "trained":
        reason = run.reason if run else "none was trained"
        return f"There is no model: {reason}."
    because = f" ({run.reason})" if run.reason else ""
    return f"The model: {skill(run.skill_state)}{because}."


def _write_list(published: Published, site: Site, live: list[dict[str, Any]]) -> None:
    totals = published.rows(_TOTALS)[0]
    others = Block(
        "others",
        "All other projects",
        _OTHER_COLUMNS,
        _OTHERS.format(
            project_path=site.links.project_sql("project_id"),
            live=id_list(row["project_id"] for row in live),
        ),
    )
    with kept(published, [others]):
        [(count,)] = published.fetch(f"select count(*) from {others.table}")
        rows = published.rows(f"select * from {others.table} order by position limit {LISTED}")
        files = write_rows(published, site, "projects", others, LISTED, LOADED)
        list_count = plain_list.write_list(published, site, others, count)
    site.write(
        "projects/index.html",
        "projects.html.jinja",
        totals=totals,
        skill=skill_sentence(published),
        live=live,
        live_columns=_LIVE_COLUMNS,
        chart=_chart(live) if live else None,
        others=rows,
        others_count=count,
        list_count=list_count,
        block=others,
        settings={
            "folder": "projects",
            "files": files,
            "total": min(count, LOADED),
            "blocks": [others.described()],
        },
    )


def _complete(
    row: dict[str, Any], links: Links, curves: dict[int, list[tuple[float, float]]]
) -> None:
    """Adds to a live project what only the table shows."""
    row["path"] = links.project(row["project_id"])
    row["creator_path"] = links.creator(row["creator_id"])
    row["probability"] = row["probability_order"] = row["success_probability"]
    if row["is_decided"]:
        row["probability"] = Markup("goal reached")
    low, high = row["final_amount_low"], row["final_amount_high"]
    row["final_interval"] = None if low is None else f"{money(low)} to {money(high)}"
    row["curve"] = sparkline(curves[row["project_id"]])


def _level(row: dict[str, Any]) -> str:
    probability = row["success_probability"]
    if probability is None:
        return _LEVELS[3]
    return _LEVELS[0] if probability < 0.3 else _LEVELS[1] if probability <= 0.7 else _LEVELS[2]


def _chart(live: list[dict[str, Any]]) -> Markup:
    """Draws how far each live project is, against how much of its time is over."""
    keys = ("title", "elapsed_ratio", "funding_ratio", "success_probability", "days_left")
    data = charts.values([{key: row[key] for key in keys} | {"level": _level(row)} for row in live])
    colors = [charts.COLORS[1], charts.COLORS[4], charts.COLORS[0], charts.FAINT]
    levels = alt.Scale(domain=list(_LEVELS), range=colors)
    shapes = alt.Scale(
        domain=list(_LEVELS), range=["triangle-down", "circle", "triangle-up", "cross"]
    )
    legend = "Probability of success"
    tooltip = [
        alt.Tooltip("title:N", title="Project"),
        alt.Tooltip("elapsed_ratio:Q", title="Elapsed", format=".0%"),
        alt.Tooltip("funding_ratio:Q", title="Funded", format=".1%"),
        alt.Tooltip("success_probability:Q", title=legend, format=".1%"),
        alt.Tooltip("days_left:Q", title="Days left", format=".1f"),
    ]

    def build(width: int) -> Any:
        x = alt.X(
            "elapsed_ratio:Q",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", title="Elapsed share of the campaign", grid=False),
        )
        y = alt.Y(
            "funding_ratio:Q",
            scale=alt.Scale(type="sqrt"),
            axis=alt.Axis(format="%", title="Funded share of the goal (square root)", tickCount=6),
        )
        points = alt.Chart(data).mark_point(filled=True, size=70, opacity=0.9)
        goal = alt.Chart(charts.values([{"goal": 1}])).mark_rule(color=charts.FAINT)
        return alt.layer(
            goal.encode(y=alt.Y("goal:Q")),
            points.encode(
                x=x,
                y=y,
                color=alt.Color("level:N", title=legend, scale=levels),
                shape=alt.Shape("level:N", title=legend, scale=shapes),
                tooltip=tooltip,
            ),
        ).properties(width=width, height=280)

    reached = sum(row["is_decided"] for row in live)
    likely = sum(_level(row) == _LEVELS[2] for row in live)
    unlikely = sum(_level(row) == _LEVELS[0] for row in live)
    return charts.chart(
        "progress",
        build,
        text=f"Funded share against elapsed share of {counted(len(live), 'live project')}; with the"
        f" goal reached: {reached:,}; with a probability above 70 %: {likely:,}; below 30 %:"
        f" {unlikely:,}.",
        caption="Funded share of the goal against elapsed share of the campaign; the line is the"
        " goal.",
    )


def _write_projects(
    published: Published, site: Site, curves: dict[int, list[tuple[float, float]]]
) -> None:
    blocks = project_blocks(
        site.links,
        skill_sentence(published),
        reconciliation.table(published),
        escrow.moved(published),
    )
    with kept(published, blocks):
        rows = {block.name: rows_of(published, block, site.links.projects) for block in blocks}
        write_any(published, site, "projects", "project", blocks)
    drawn, as_of = FundingCharts(read_bands(published)), published.as_of()
    for project_id in site.links.projects:
        of_one = {name: found.get(project_id, []) for name, found in rows.items()}
        [facts] = of_one["facts"]
        site.write(
            f"projects/{project_id}.html",
            "entity.html.jinja",
            title=title(facts["title"], str(project_id)),
            entity="project",
            entity_id=project_id,
            blocks=blocks,
            rows=of_one,
            chart=drawn.draw(facts, curves[project_id]),
            timeline=timeline(of_one["milestones"], as_of),
        )
