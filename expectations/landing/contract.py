"""The raw contract, tables and columns: what a platform's export must hold, whoever wrote it."""

from dataclasses import dataclass

INTEGER = "bigint"
TEXT = "varchar"
MONEY = "decimal(18,2)"
TIMESTAMP = "timestamp"
TRUTH = "boolean"

# How the goal is spread over the milestones; ml and the generator know the same ones.
RELEASE_STRATEGIES = ("equal_tranches", "front_loaded", "back_loaded", "holdback_20")
# Later than this after it was due the money has gone back: `expiry_days` of dbt_project.yml.
MAX_RESOLUTION_DAYS = 180


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table.

    Attributes:
        name: As in the file's header and in the warehouse.
        type: DuckDB type; a value that does not fit it exactly is refused, never rounded.
        description: Shown in dbt docs.
        optional: Whether a row may leave it empty. The column itself must be there all the same:
            an export without `cancelled_at` is not one in which nothing was cancelled.
        since: When the column came into the contract, such as "2027-01". An export of before may
            be without it: it is empty in every row then. Only for optional columns.
    """

    name: str
    type: str
    description: str
    optional: bool = False
    since: str | None = None

    def __post_init__(self) -> None:
        """Refuses a later column that rows may not leave empty: older exports have nothing else."""
        if self.since and not self.optional:
            raise ValueError(f"{self.name}: what came later (since) must be optional")


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that names a row of another table by its key."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table; its key is the first column.

    Attributes:
        name: Of the file (without ending) and of the table in schema `raw`.
        entity: One row of it; the alias that rules use.
        description: Shown in dbt docs.
        columns: All of them, in the order of the warehouse; no other may be in the file.
        references: Whose rows it names.
        is_optional: Whether the file may be absent, which means no rows.
    """

    name: str
    entity: str
    description: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()
    is_optional: bool = False

    @property
    def key(self) -> str:
        """The column that identifies a row."""
        return self.columns[0].name


# Parents stand before their children.
TABLES = (
    Table(
        "creators",
        "creator",
        "One row per creator: somebody who asks for money and promises milestones.",
        (
            Column("creator_id", INTEGER, "Identifies the creator."),
            Column("display_name", TEXT, "Name the creator is shown under."),
            Column("country", TEXT, "Country of the creator; empty when unknown.", True),
            Column("joined_at", TIMESTAMP, "When the creator joined the platform (UTC)."),
        ),
    ),
    Table(
        "backers",
        "backer",
        "One row per backer: somebody who may pledge money and vote on milestones.",
        (
            Column("backer_id", INTEGER, "Identifies the backer."),
            Column("country", TEXT, "Country of the backer; empty when unknown.", True),
            Column("joined_at", TIMESTAMP, "When the backer joined the platform (UTC)."),
        ),
    ),
    Table(
        "projects",
        "project",
        "One row per project: one campaign of one creator for one goal.",
        (
            Column("project_id", INTEGER, "Identifies the project."),
            Column("creator_id", INTEGER, "The creator who launched it."),
            Column("title", TEXT, "Title of the project."),
            Column("category", TEXT, "Category it is listed under."),
            Column("country", TEXT, "Country of the project; empty when unknown.", True),
            Column("funding_goal", MONEY, "Money asked for; the milestones share it out."),
            Column("launched_at", TIMESTAMP, "When pledging began (UTC)."),
            Column("deadline_at", TIMESTAMP, "Planned end of pledging (UTC), chosen at launch."),
            Column("cancelled_at", TIMESTAMP, "When it was cancelled (UTC); empty if never.", True),
            Column(
                "release_strategy",
                TEXT,
                "How the goal is spread over the milestones, chosen at launch; empty when unknown.",
                True,
            ),
        ),
        (Reference("creator_id", "creators"),),
    ),
    Table(
        "pledges",
        "pledge",
        "One row per pledge: money a backer put into escrow for a project.",
        (
            Column("pledge_id", INTEGER, "Identifies the pledge."),
            Column("project_id", INTEGER, "The project pledged to."),
            Column("backer_id", INTEGER, "The backer who pledged."),
            Column("amount", MONEY, "Money pledged, above 0."),
            Column("pledged_at", TIMESTAMP, "When it was pledged (UTC)."),
        ),
        (Reference("project_id", "projects"), Reference("backer_id", "backers")),
    ),
    Table(
        "milestones",
        "milestone",
        "One row per milestone: a part of a project's goal, released when it is approved.",
        (
            Column("milestone_id", INTEGER, "Identifies the milestone."),
            Column("project_id", INTEGER, "The project it belongs to."),
            Column("milestone_number", INTEGER, "1 for the project's first milestone, then 2 …"),
            Column("title", TEXT, "What is to be delivered."),
            Column("funding_amount", MONEY, "Its share of the project's goal."),
            Column("due_at", TIMESTAMP, "Planned delivery (UTC), chosen at launch."),
            Column(
                "submitted_at", TIMESTAMP, "When it was delivered (UTC); empty if not yet.", True
            ),
            Column(
                "resolved_at", TIMESTAMP, "When the vote was decided (UTC); empty if not.", True
            ),
            Column("resolution", TEXT, "approved or rejected; empty if not decided.", True),
        ),
        (Reference("project_id", "projects"),),
    ),
    Table(
        "votes",
        "vote",
        "One row per vote: a backer's opinion on one submitted milestone.",
        (
            Column("vote_id", INTEGER, "Identifies the vote."),
            Column("milestone_id", INTEGER, "The milestone voted on."),
            Column("backer_id", INTEGER, "The backer who voted."),
            Column("is_approval", TRUTH, "Whether the vote is for releasing the money."),
            Column("voted_at", TIMESTAMP, "When it was cast (UTC)."),
        ),
        (Reference("milestone_id", "milestones"), Reference("backer_id", "backers")),
    ),
    Table(
        "experiment_exposures",
        "exposure",
        "One row per exposure: a backer was shown a project under one variant of an experiment.",
        (
            Column("exposure_id", INTEGER, "Identifies the exposure."),
            Column("experiment", TEXT, "Name of the experiment."),
            Column("variant", TEXT, "The variant shown."),
            Column("backer_id", INTEGER, "The backer who was shown the project."),
            Column("project_id", INTEGER, "The project shown."),
            Column("exposed_at", TIMESTAMP, "When it was shown (UTC)."),
            Column("pledge_id", INTEGER, "The pledge it led to; empty if none.", True),
        ),
        (
            Reference("backer_id", "backers"),
            Reference("project_id", "projects"),
            Reference("pledge_id", "pledges"),
        ),
        is_optional=True,
    ),
)

TABLE = {table.name: table for table in TABLES}

# Recorded events; plans such as `deadline_at` and `due_at` are none.
EVENTS = (
    ("creators", "joined_at"),
    ("backers", "joined_at"),
    ("projects", "launched_at"),
    ("projects", "cancelled_at"),
    ("pledges", "pledged_at"),
    ("milestones", "submitted_at"),
    ("milestones", "resolved_at"),
    ("votes", "voted_at"),
    ("experiment_exposures", "exposed_at"),
)
