"""What an export of the platform is: its tables, its files, and what it held at a timestamp."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from expectations.landing.contract import TABLES

Row = dict[str, Any]
Tables = dict[str, list[Row]]

MICROSECOND = timedelta(microseconds=1)
COLUMNS = {table.name: [column.name for column in table.columns] for table in TABLES}
BORN_AT = {
    "creators": "joined_at",
    "backers": "joined_at",
    "projects": "launched_at",
    "pledges": "pledged_at",
    "votes": "voted_at",
    "experiment_exposures": "exposed_at",
}


def export_at(tables: Tables, timestamp: datetime) -> Tables:
    """What an export taken at `timestamp` holds: later rows are missing, later facts empty."""
    cut = {
        table: [dict(row) for row in tables[table] if row[born_at] < timestamp]
        for table, born_at in BORN_AT.items()
    }
    launched = {project["project_id"] for project in cut["projects"]}
    cut["milestones"] = [dict(row) for row in tables["milestones"] if row["project_id"] in launched]
    for project in cut["projects"]:
        _empty_unless_before(timestamp, project, "cancelled_at")
    for milestone in cut["milestones"]:
        _empty_unless_before(timestamp, milestone, "submitted_at")
        _empty_unless_before(timestamp, milestone, "resolved_at", "resolution")
    pledged = {pledge["pledge_id"] for pledge in cut["pledges"]}
    for exposure in cut["experiment_exposures"]:
        if exposure["pledge_id"] not in pledged:
            exposure["pledge_id"] = None
    # a column that nobody fills yet is empty in every row
    return {
        table: [dict.fromkeys(columns) | row for row in cut[table]]
        for table, columns in COLUMNS.items()
    }


def last_event_at(tables: Tables) -> datetime:
    """The last recorded event; plans such as a deadline or a due date are none."""
    recorded = [
        *((table, column) for table, column in BORN_AT.items()),
        ("projects", "cancelled_at"),
        ("milestones", "submitted_at"),
        ("milestones", "resolved_at"),
    ]
    timestamps: list[datetime] = [
        row[column] for table, column in recorded for row in tables[table] if row[column]
    ]
    return max(timestamps)


def write_csv(tables: Tables, folder: Path) -> Path:
    """Writes one CSV per table and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, columns in COLUMNS.items():
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(tables[table])
    return folder


def _empty_unless_before(timestamp: datetime, row: Row, known_at: str, *dependants: str) -> None:
    if row[known_at] is not None and row[known_at] >= timestamp:
        for column in (known_at, *dependants):
            row[column] = None
