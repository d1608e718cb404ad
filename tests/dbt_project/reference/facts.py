"""What had happened on the platform by a timestamp, and the arithmetic of the reference."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.dbt_project.export import Row, Tables, export_at

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
GRACE = 14 * DAY
EXPIRY = 180 * DAY


class Facts:
    """What was known at `as_of`: outcomes of projects, starts and ends of milestones."""

    def __init__(self, tables: Tables, as_of: datetime) -> None:
        self.as_of = as_of
        self.rows = export_at(tables, as_of)
        self.projects = {row["project_id"]: row for row in self.rows["projects"]}
        self.milestones = {
            project_id: sorted(
                where(self.rows["milestones"], project_id=project_id),
                key=lambda row: int(row["milestone_number"]),
            )
            for project_id in self.projects
        }

    def outcome(self, project: Row) -> tuple[bool | None, datetime | None]:
        """Whether the project was successful and when that became known, if it has."""
        return self._outcomes[project["project_id"]]

    @cached_property
    def _outcomes(self) -> dict[int, tuple[bool | None, datetime | None]]:
        return {key: self._settle(project) for key, project in self.projects.items()}

    def _settle(self, project: Row) -> tuple[bool | None, datetime | None]:
        if project["cancelled_at"] is not None:
            return False, project["cancelled_at"]
        if project["deadline_at"] <= self.as_of:
            pledges = where(self.rows["pledges"], project_id=project["project_id"])
            return total(pledges) >= project["funding_goal"], project["deadline_at"]
        return None, None

    @cached_property
    def started_at(self) -> dict[int, datetime | None]:
        """By milestone: when it started, or None."""
        started: dict[int, datetime | None] = {}
        for project_id, milestones in self.milestones.items():
            is_successful, known_at = self.outcome(self.projects[project_id])
            timestamp = known_at if is_successful else None
            for milestone in milestones:
                started[milestone["milestone_id"]] = timestamp
                is_approved = milestone["resolution"] == "approved"
                if timestamp is not None and is_approved:
                    timestamp = max(timestamp, milestone["resolved_at"])
                else:
                    timestamp = None
        return started

    def is_expired(self, milestone: Row) -> bool:
        """Whether it started and was not resolved within 180 days of its due date."""
        return (
            self.started_at[milestone["milestone_id"]] is not None
            and milestone["resolved_at"] is None
            and milestone["due_at"] + EXPIRY <= self.as_of
        )

    def backed(self, project_id: int) -> dict[int, int]:
        """Cents of each backer in the project."""
        cents: dict[int, int] = {}
        for pledge in where(self.rows["pledges"], project_id=project_id):
            backer_id = pledge["backer_id"]
            cents[backer_id] = cents.get(backer_id, 0) + cents_of(pledge["amount"])
        return cents


def where(rows: Iterable[Row], **values: object) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def total(rows: Iterable[Row], column: str = "amount") -> Decimal:
    return sum((row[column] for row in rows), Decimal(0))


def first(rows: Iterable[Row], column: str) -> datetime:
    first: datetime = min(row[column] for row in rows)
    return first


def mean(values: list[bool] | list[Decimal]) -> Fraction | None:
    return sum((Fraction(value) for value in values), Fraction(0)) / len(values) if values else None


def fraction(span: timedelta, unit: timedelta) -> Fraction:
    microsecond = timedelta(microseconds=1)
    return Fraction(span // microsecond, unit // microsecond)


def quotient(span: timedelta, unit: timedelta) -> float:
    return float(fraction(span, unit))


def divided(amount: Decimal, total: Decimal) -> float:
    return float(Fraction(amount) / Fraction(total))


def as_float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def cents_of(amount: Decimal) -> int:
    return int(100 * amount)


def money(cents: int) -> Decimal:
    return Decimal(cents) / 100
