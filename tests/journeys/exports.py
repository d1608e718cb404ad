"""Small made-up exports, a few projects of chosen kinds, that keep the whole contract."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.dbt_project.export import COLUMNS, Tables, write_csv

DAY = timedelta(days=1)
FIRST_LAUNCH = datetime(2023, 3, 1)
# The last event: somebody joins. Campaigns end after 30 days, milestones are due 30 and 60 later.
NOW = datetime(2023, 9, 15)
BACKERS = (11, 12, 13, 14)
CENT = Decimal("0.01")
# What each backer pledges, as a part of the goal; the last one makes up for what was cut off.
SHARES = {"successful": 4 * [0.25], "failed": [0.1, 0.2], "cancelled": [0.3], "live": [0.2, 0.3]}

MIXED = 5 * ["successful"] + 2 * ["failed"] + ["cancelled"] + 2 * ["live"]


def export(
    kinds: Sequence[str], *, goals: Sequence[Decimal] = (Decimal("100.00"),), first_id: int = 101
) -> Tables:
    """The tables of an export with a project of each kind, one after the other.

    Successful projects deliver in time; the fifth of five is not yet at its second milestone.

    Args:
        kinds: Of the projects: successful, failed, cancelled, live.
        goals: Of the projects, over and over again.
        first_id: Of the projects; the others follow.
    """
    tables: Tables = {name: [] for name in COLUMNS}
    for key, name in enumerate(("Ann Ash", "Zoë", "Bo"), start=1):
        joined = {"joined_at": datetime(2022, 1, key)}
        tables["creators"].append({"creator_id": key, "display_name": name, "country": ""} | joined)
    for key in (*BACKERS, 99):
        joined_at = NOW if key == 99 else datetime(2022, 6, 1)
        tables["backers"].append({"backer_id": key, "country": "DE", "joined_at": joined_at})
    for number, kind in enumerate(kinds):
        _add_project(tables, first_id + number, kind, goals[number % len(goals)], number)
    return tables


def write(folder: Path, tables: Tables, *, without: Sequence[str] = ()) -> Path:
    """Writes the CSV files, except those of some tables, and returns the folder."""
    write_csv(tables, folder)
    for name in without:
        (folder / f"{name}.csv").unlink()
    return folder


def _add_project(tables: Tables, key: int, kind: str, goal: Decimal, number: int) -> None:
    launched_at = NOW - 9 * DAY if kind == "live" else FIRST_LAUNCH + 30 * (number % 5) * DAY
    tables["projects"].append(
        {
            "project_id": key,
            "creator_id": 1 + number % 3,
            "title": f"Project {key}",
            "category": ("Games", "Design")[number % 2],
            "country": "US",
            "funding_goal": goal,
            "launched_at": launched_at,
            "deadline_at": launched_at + 30 * DAY,
            "cancelled_at": launched_at + 10 * DAY if kind == "cancelled" else None,
            "release_strategy": ("equal_tranches", "front_loaded", "")[number % 3],
        }
    )
    left = goal
    for place, share in enumerate(SHARES[kind]):
        amount = max((goal * Decimal(str(share))).quantize(CENT), CENT)
        if kind == "successful" and place == len(SHARES[kind]) - 1:
            amount = max(left, CENT)
        left -= amount
        _add_pledge(tables, key, BACKERS[place], amount, launched_at + (place + 1) * DAY)
    _add_milestones(tables, key, kind, goal, launched_at + 30 * DAY)


def _add_pledge(tables: Tables, project: int, backer: int, amount: Decimal, at: datetime) -> None:
    key = 1000 + len(tables["pledges"])
    tables["pledges"].append(
        {
            "pledge_id": key,
            "project_id": project,
            "backer_id": backer,
            "amount": amount,
            "pledged_at": at,
        }
    )
    tables["experiment_exposures"].append(
        {
            "exposure_id": 1000 + key,
            "experiment": "highlight_projects",
            "variant": ("control", "treatment")[backer % 2],
            "backer_id": backer,
            "project_id": project,
            "exposed_at": at - DAY / 2,
            "pledge_id": key,
        }
    )


def _add_milestones(
    tables: Tables, project: int, kind: str, goal: Decimal, deadline_at: datetime
) -> None:
    first = (goal * Decimal("0.6")).quantize(CENT)
    amounts = [first, goal - first] if first and goal - first else [goal]
    for number, amount in enumerate(amounts, start=1):
        due_at = deadline_at + 30 * number * DAY
        is_resolved = kind == "successful" and due_at <= NOW
        milestone = {
            "milestone_id": 10 * project + number,
            "project_id": project,
            "milestone_number": number,
            "title": f"Part {number}",
            "funding_amount": amount,
            "due_at": due_at,
            "submitted_at": due_at - 5 * DAY if is_resolved else None,
            "resolved_at": due_at - DAY if is_resolved else None,
            "resolution": "approved" if is_resolved else None,
        }
        tables["milestones"].append(milestone)
        for backer in BACKERS[:2] if is_resolved else ():
            tables["votes"].append(
                {
                    "vote_id": 5000 + len(tables["votes"]),
                    "milestone_id": milestone["milestone_id"],
                    "backer_id": backer,
                    "is_approval": "true",
                    "voted_at": due_at - 3 * DAY,
                }
            )
