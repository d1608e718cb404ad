"""Where the site shows a project, a milestone or a creator."""

from collections.abc import Iterable, Mapping

from pages.published import Published

MAX_PAGES = 500  # of projects, which cost about 20 ms each; the others are shown on demand
RECENT_DAYS = 60
# Paths from the folder of the site, for Python's format() as for DuckDB's.
_PROJECT, _ANY_PROJECT = "projects/{}.html", "projects/any.html#{}"
_CREATOR, _ANY_CREATOR = "creators/{}.html", "creators/any.html#{}"
# Live projects, those with an open milestone, and those launched or ended lately, newest first.
# Where they are too many, each kind has a third of the pages, and more where others leave some.
_WITH_A_PAGE = f"""
    with kinds as (
        select
            project_id, creator_id, launched_at,
            case
                when project_status = 'live' then 1
                when project_id in (select project_id from insights.milestone_outlook) then 2
                when greatest(launched_at, deadline_at) > as_of - interval {RECENT_DAYS} days then 3
            end as kind
        from core.dim_projects
        cross join core.warehouse_as_of
    )
    select project_id, creator_id
    from (
        select
            *, row_number() over (partition by kind order by launched_at desc, project_id) as place
        from kinds
        where kind is not null
    )
    order by place > {{max_pages}} // 3, kind, place
    limit {{max_pages}}"""


class Links:
    """Paths from the folder of the site."""

    def __init__(self, projects: Mapping[int, int]) -> None:
        """Takes the projects that have a page of their own, each with its creator."""
        self.projects = projects
        self.creators = frozenset(projects.values())

    def project(self, project_id: int) -> str:
        """Returns where a project is shown: on its own page, or on the one that shows any."""
        return (_PROJECT if project_id in self.projects else _ANY_PROJECT).format(project_id)

    def milestone(self, project_id: int, milestone_id: int) -> str:
        """Returns where a milestone is shown: on the page of its project."""
        if project_id in self.projects:
            return f"{self.project(project_id)}#milestone-{milestone_id}"
        return f"{self.project(project_id)}&milestone={milestone_id}"

    def creator(self, creator_id: int) -> str:
        """Returns where a creator is shown."""
        return (_CREATOR if creator_id in self.creators else _ANY_CREATOR).format(creator_id)

    def project_sql(self, column: str) -> str:
        """Returns the SQL expression of `project` for a column."""
        return _path_sql(column, self.projects, _PROJECT, _ANY_PROJECT)

    def creator_sql(self, column: str) -> str:
        """Returns the SQL expression of `creator` for a column."""
        return _path_sql(column, self.creators, _CREATOR, _ANY_CREATOR)


def id_list(ids: Iterable[int]) -> str:
    """Returns ids for `in (…)` of SQL; of none, no row."""
    return ", ".join(str(int(each)) for each in sorted(ids)) or "null"


def _path_sql(column: str, ids: Iterable[int], own: str, other: str) -> str:
    return (
        f"case when {column} in ({id_list(ids)}) then format('{own}', {column})"
        f" else format('{other}', {column}) end"
    )


def read(published: Published) -> Links:
    """Returns the links for the published tables."""
    return Links(dict(published.fetch(_WITH_A_PAGE.format(max_pages=MAX_PAGES))))
