"""A small random platform that obeys every rule of the raw contract, with ties made on purpose.

Times fall on few timestamps (launches, snapshots, due dates, deadlines of other projects, BUSY
ones, and one microsecond around them): a leak or a `<` for a `<=` shows only where they coincide.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.export import BORN_AT, COLUMNS, MICROSECOND, Row, Tables, export_at

BEGIN = datetime(2023, 1, 2)
END = BEGIN + timedelta(days=560)
# the timestamps to build warehouses for: at each of them much happens, falls due or ends
BUSY = [BEGIN + timedelta(days=number) for number in (190, 280, 370, 460, 550)]
CLOCKS = [timedelta(hours=h) for h in (0, 4, 36, 72, 144, 336, 504)]
COUNTRIES = ["DE", "FR", "US", None]
STRATEGIES = ["equal_tranches", "front_loaded", "back_loaded", "holdback_20", None]
AMOUNTS = [1, 1, 2, 100, 500, 2_500, 3_333, 9_999, 100_000, 123_456_789]
HUGE_AMOUNTS = [1_000_000_000_000_00, 999_999_999_999_99, 333_333_333_333_33, 1]


@dataclass
class World:
    """The tables so far, and the dice."""

    rng: random.Random
    tables: Tables = field(default_factory=lambda: {table: [] for table in COLUMNS})

    def add(self, table: str, **values: Any) -> Row:
        """Appends a row with the next id of its table."""
        # a column that the world does not fill is empty
        key, *others = COLUMNS[table]
        row = {key: len(self.tables[table]) + 1, **dict.fromkeys(others), **values}
        self.tables[table].append(row)
        return row

    def days(self, *choices: float) -> timedelta:
        """One of the given numbers of days."""
        return timedelta(days=self.rng.choice(choices))


def make_world(seed: int, *, creators: int = 12, backers: int = 60, projects: int = 60) -> Tables:
    """All that was recorded before END on a platform drawn by `seed`."""
    world = World(random.Random(seed))
    for number in range(projects):
        _launch(world, 1 + number % (creators - 1), backers, _profile(number))
    _expose(world)
    _join(world, creators, backers)
    return export_at(world.tables, END)


def _profile(number: int) -> str:
    """Every fifteenth project holds a few cents, every twentieth sums near the type's limit."""
    if number % 15 == 3:
        return "tiny"
    return "huge" if number % 20 == 7 else "plain"


def _launch(world: World, creator_id: int, backers: int, profile: str) -> None:
    rng = world.rng
    launched_at = _launch_timestamp(world, creator_id)
    until_busy = [busy - launched_at for busy in BUSY if busy > launched_at]
    durations = [timedelta(days=d) for d in (1 / 6, 1.5, 3, 6, 6.5, 14, 14, 21, 30, 30, 60, 92)]
    duration = rng.choice(durations + [span for span in until_busy if span <= durations[-1]] * 3)
    cancelled_at = None
    if profile == "plain" and rng.random() < 0.15:
        cancelled_at = launched_at + rng.choice(
            [span for span in (*CLOCKS[1:], duration / 2, *until_busy * 4) if span < duration]
            or [duration / 2]
        )
    project = world.add(
        "projects",
        creator_id=creator_id,
        title=rng.choice(["Lamp", 'Lamp, "bright"', "Lämpchen\nII", "Boat"]),
        category=rng.choice(["art", "games", "tools"]),
        country=rng.choice(COUNTRIES),
        funding_goal=Decimal(0),
        launched_at=launched_at,
        deadline_at=launched_at + duration,
        cancelled_at=cancelled_at,
        release_strategy=rng.choice(STRATEGIES),
    )
    pledges = _pledge(world, project, backers, profile)
    cents = _goal(world, pledges, profile)
    project["funding_goal"] = Decimal(cents) / 100
    milestones = _plan(world, project, cents, profile)
    if cancelled_at is None and 100 * sum(row["amount"] for row in pledges) >= cents:
        _deliver(world, project, milestones, [row["backer_id"] for row in pledges], profile)


def _launch_timestamp(world: World, creator_id: int) -> datetime:
    """Most launches are so that they, or one of their snapshots, coincide with something else."""
    rng = world.rng
    own = [row for row in world.tables["projects"] if row["creator_id"] == creator_id]
    own_ids = {row["project_id"] for row in own}
    timestamps = [
        row[column] for row in own for column in ("launched_at", "deadline_at", "cancelled_at")
    ]
    timestamps += [
        row[column]
        for row in world.tables["milestones"]
        if row["project_id"] in own_ids
        for column in ("due_at", "submitted_at", "resolved_at")
    ]
    timestamps += [row["deadline_at"] for row in world.tables["projects"][-3:]]
    known: list[datetime] = [timestamp for timestamp in timestamps if timestamp and timestamp < END]
    if rng.random() < 0.3:
        clock = rng.choice([*CLOCKS, timedelta(days=30)])
        return rng.choice(BUSY) - clock
    if known and rng.random() < 0.6:
        return rng.choice(known) + rng.choice([0, 0, 0, 1]) * MICROSECOND
    first_day = rng.choice([0, 0, 0, 530])
    return BEGIN + timedelta(days=first_day, hours=12 * rng.randrange(2 * (555 - first_day)))


def _pledge(world: World, project: Row, backers: int, profile: str) -> list[Row]:
    rng = world.rng
    limit = (project["cancelled_at"] or project["deadline_at"]) - project["launched_at"]
    offsets = [clock + jitter * MICROSECOND for clock in CLOCKS for jitter in (-1, 0, 0, 1)]
    offsets += [clock - timedelta(hours=24) for clock in CLOCKS]
    offsets += [limit - MICROSECOND, limit / 3, limit / 2]
    for busy in BUSY:
        offsets += [busy - project["launched_at"] - timedelta(hours=hours) for hours in (0, 24)]
    offsets = [offset for offset in offsets if timedelta(0) <= offset < limit]
    pledger_ids = [rng.randint(1, backers) for _ in range(rng.choice([0, 3, 8, 12, 16, 20]))]
    amounts = HUGE_AMOUNTS if profile == "huge" else AMOUNTS
    if profile == "tiny":
        pledger_ids, amounts = rng.sample(range(1, backers + 1), 12), [1]
    return [
        world.add(
            "pledges",
            project_id=project["project_id"],
            backer_id=backer_id,
            amount=Decimal(rng.choice(amounts)) / 100,
            pledged_at=project["launched_at"] + rng.choice(offsets),
        )
        for backer_id in pledger_ids
    ]


def _goal(world: World, pledges: list[Row], profile: str) -> int:
    """Reached to the cent, missed by one, overfunded, or reached by the first pledges alone."""
    total = int(100 * sum(row["amount"] for row in pledges))
    if profile == "tiny":
        return world.rng.choice([total, total - 2])
    first = int(100 * sum(row["amount"] for row in pledges[: len(pledges) // 2]))
    goal = world.rng.choice(
        [total, total, total + 1, total // 2, total // 7, first, 2 * total, 100]
    )
    return max(goal, 10)


def _shares(strategy: str | None, count: int, cents: int) -> list[int]:
    weights = {
        "front_loaded": [Decimal(count - k) for k in range(count)],
        "back_loaded": [Decimal(1 + k) for k in range(count)],
        "holdback_20": [Decimal("0.8") / count] * (count - 1)
        + [Decimal("0.8") / count + Decimal("0.2")],
    }.get(strategy or "", [Decimal(1)] * count)
    shares = [int(cents * weight / sum(weights)) for weight in weights]
    shares[-1] += cents - sum(shares)
    return shares if min(shares) > 0 else [1] * (count - 1) + [cents - count + 1]


def _plan(world: World, project: Row, cents: int, profile: str) -> list[Row]:
    rng = world.rng
    count = rng.choice([4, 6, 9]) if profile == "tiny" else rng.choice([1, 2, 3, 4, 6])
    due_at = project["deadline_at"]
    milestones = []
    for number, share in enumerate(_shares(project["release_strategy"], count, cents), 1):
        earlier_due_at, due_at = due_at, due_at + world.days(0.5, 1, 3, 14, 30, 30)
        falling_due = [busy - timedelta(days=days) for busy in BUSY for days in (0, 14, 180)]
        near = _between(falling_due, after=earlier_due_at, until=due_at + timedelta(days=20))
        if rng.random() < 0.5 and near[0] in falling_due:
            due_at = rng.choice(near)
        milestones.append(
            world.add(
                "milestones",
                project_id=project["project_id"],
                milestone_number=number,
                title=f"Part {number}",
                funding_amount=Decimal(share) / 100,
                due_at=due_at,
                submitted_at=None,
                resolved_at=None,
                resolution=None,
            )
        )
    return milestones


def _deliver(
    world: World, project: Row, milestones: list[Row], backer_ids: list[int], profile: str
) -> None:
    """Delivers milestone after milestone until one is rejected, not resolved or not delivered."""
    rng = world.rng
    started_at = project["deadline_at"]
    for milestone in milestones:
        if profile != "tiny" and rng.random() < 0.08:
            return
        due_at = milestone["due_at"]
        milestone["submitted_at"] = rng.choice(
            _between(
                [
                    *(due_at, due_at, due_at - world.days(1, 3, 10), due_at + MICROSECOND),
                    *(due_at + world.days(1, 10, 14, 100, 179), started_at + world.days(0.5, 1)),
                    *(started_at + MICROSECOND, started_at + world.days(2, 5)),
                    *(busy - timedelta(days=days) for busy in BUSY for days in (0, 1, 3)),
                ],
                after=started_at,
                until=due_at + timedelta(days=179),
            )
        )
        is_resolved = profile == "tiny" or rng.random() > 0.1
        if is_resolved:
            _resolve(world, milestone)
        elif rng.random() < 0.3:
            milestone["submitted_at"] = due_at + timedelta(days=rng.choice([180, 181]))
        _vote(world, milestone, backer_ids)
        if milestone["resolution"] != "approved":
            return
        started_at = milestone["resolved_at"]


def _resolve(world: World, milestone: Row) -> None:
    submitted_at, due_at = milestone["submitted_at"], milestone["due_at"]
    grace = due_at + timedelta(days=14)
    timestamps = [
        *(grace, grace, grace + MICROSECOND, submitted_at + world.days(1, 3), due_at),
        *(submitted_at + world.days(0.5, 1, 3, 7), submitted_at + world.days(1, 3)),
        *(due_at + world.days(14, 180), *BUSY),
    ]
    milestone["resolved_at"] = world.rng.choice(
        _between(timestamps, after=submitted_at, until=due_at + timedelta(days=180))
    )
    milestone["resolution"] = "rejected" if world.rng.random() < 0.12 else "approved"


def _between(timestamps: list[datetime], *, after: datetime, until: datetime) -> list[datetime]:
    """The timestamps in (after, until]; one microsecond after `after` where there is none."""
    return [timestamp for timestamp in timestamps if after < timestamp <= until] or [
        after + MICROSECOND
    ]


def _vote(world: World, milestone: Row, backer_ids: list[int]) -> None:
    rng = world.rng
    submitted_at = milestone["submitted_at"]
    until = milestone["resolved_at"] or submitted_at + timedelta(days=30)
    timestamps = [submitted_at + world.days(0.5, 1, 3, 4) for _ in range(6)]
    timestamps += [submitted_at + MICROSECOND, milestone["due_at"], until, *BUSY, *BUSY]
    timestamps = _between(timestamps, after=submitted_at, until=until)
    for backer_id in sorted(set(backer_ids)):
        if rng.random() < 0.6:
            world.add(
                "votes",
                milestone_id=milestone["milestone_id"],
                backer_id=backer_id,
                is_approval=rng.random() < 0.7,
                voted_at=rng.choice(timestamps),
            )


def _expose(world: World) -> None:
    rng = world.rng
    launched_at = {row["project_id"]: row["launched_at"] for row in world.tables["projects"]}
    for pledge in world.tables["pledges"]:
        pledged_at = pledge["pledged_at"]
        exposed_at = rng.choice(
            [pledged_at - world.days(1 / 24, 0.5, 3), *(busy for busy in BUSY if busy < pledged_at)]
        )
        if exposed_at < launched_at[pledge["project_id"]] or rng.random() < 0.4:
            continue
        world.add(
            "experiment_exposures",
            experiment="badge",
            variant="shown" if pledge["backer_id"] % 2 else "hidden",
            backer_id=pledge["backer_id"],
            project_id=pledge["project_id"],
            exposed_at=exposed_at,
            pledge_id=pledge["pledge_id"] if rng.random() < 0.6 else None,
        )


def _join(world: World, creators: int, backers: int) -> None:
    """Everybody joins by the first act, often at the same time; some never act."""
    first_acts: dict[tuple[str, int], datetime] = {}
    acts = [("creator_id", row, row["launched_at"]) for row in world.tables["projects"]]
    for table in ("pledges", "votes", "experiment_exposures"):
        acts += [("backer_id", row, row[BORN_AT[table]]) for row in world.tables[table]]
    for key, row, timestamp in acts:
        first_acts[key, row[key]] = min(timestamp, first_acts.get((key, row[key]), timestamp))
    for number in range(1, creators + 1):
        world.add(
            "creators",
            display_name=f"Creator {number}",
            country=world.rng.choice(COUNTRIES),
            joined_at=_joining(world, first_acts.get(("creator_id", number), END)),
        )
    for number in range(1, backers + 1):
        world.add(
            "backers",
            country=world.rng.choice(COUNTRIES),
            joined_at=_joining(world, first_acts.get(("backer_id", number), END)),
        )


def _joining(world: World, first_act: datetime) -> datetime:
    busy = [timestamp for timestamp in BUSY if timestamp <= first_act]
    return world.rng.choice([first_act, first_act, first_act - timedelta(days=5), *busy])
