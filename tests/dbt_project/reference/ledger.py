"""Every movement of money and where it leaves the money, backer by backer."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from tests.dbt_project.export import Row
from tests.dbt_project.reference.facts import EXPIRY, Facts, cents_of, money, total, where

BALANCE_COLUMNS = ["pledged_amount", "released_amount", "refunded_amount", "held_amount"]


class Ledger(Facts):
    """The escrow account at `as_of`."""

    @cached_property
    def transactions(self) -> list[Row]:
        """Every movement of money, each backer's releases counted from the start."""
        movements = [
            _movement(
                "deposit", pledge["pledge_id"], pledge["pledged_at"], pledge["amount"], pledge
            )
            for pledge in self.rows["pledges"]
        ]
        for project in self.rows["projects"]:
            is_successful, known_at = self.outcome(project)
            if is_successful:
                movements += self._milestone_movements(project)
            elif known_at is not None:
                movements += self._refunds(project, None, known_at, approved=0)
        return [movement for movement in movements if movement["amount"] != 0]

    def _milestone_movements(self, project: Row) -> list[Row]:
        movements = []
        goal, approved = cents_of(project["funding_goal"]), 0
        for milestone in self.milestones[project["project_id"]]:
            if milestone["resolution"] == "approved":
                before, approved = approved, approved + cents_of(milestone["funding_amount"])
                released = sum(
                    released_cents(cents, approved, goal) - released_cents(cents, before, goal)
                    for cents in self.backed(project["project_id"]).values()
                )
                key, timestamp = milestone["milestone_id"], milestone["resolved_at"]
                movements.append(_movement("release", key, timestamp, money(released), milestone))
            elif milestone["resolution"] == "rejected":
                timestamp = milestone["resolved_at"]
                return movements + self._refunds(project, milestone, timestamp, approved=approved)
            elif self.is_expired(milestone):
                timestamp = milestone["due_at"] + EXPIRY
                return movements + self._refunds(project, milestone, timestamp, approved=approved)
            else:
                return movements
        return movements

    def _refunds(
        self, project: Row, milestone: Row | None, timestamp: datetime, *, approved: int
    ) -> list[Row]:
        project_id, goal = project["project_id"], cents_of(project["funding_goal"])
        return [
            _movement(
                "refund",
                f"{project_id}-{backer_id}",
                timestamp,
                money(cents - released_cents(cents, approved, goal)),
                {**(milestone or {}), "project_id": project_id, "backer_id": backer_id},
            )
            for backer_id, cents in self.backed(project_id).items()
        ]

    def escrow_balances(self) -> list[Row]:
        """What the movements of each project add up to."""
        return [
            {"project_id": project_id}
            | _balance(
                *(
                    total(where(self.transactions, project_id=project_id, transaction_type=kind))
                    for kind in ("deposit", "release", "refund")
                )
            )
            for project_id in self.projects
        ]

    def backer_balances(self) -> list[Row]:
        """Straight from the rule, not from the movements: b, E(approved) and b - E if refunded."""
        rows = []
        for project_id, project in self.projects.items():
            milestones = self.milestones[project_id]
            approved = cents_of(total(where(milestones, resolution="approved"), "funding_amount"))
            is_refunded = self.outcome(project)[0] is False or any(
                row["resolution"] == "rejected" or self.is_expired(row) for row in milestones
            )
            for backer_id, cents in self.backed(project_id).items():
                released = released_cents(cents, approved, cents_of(project["funding_goal"]))
                refunded = cents - released if is_refunded else 0
                rows.append(
                    {"project_id": project_id, "backer_id": backer_id}
                    | _balance(money(cents), money(released), money(refunded))
                )
        return rows


def released_cents(backed: int, approved: int, goal: int) -> int:
    """Cents of a backer's `backed` cents released in all once `approved` of `goal` are."""
    return (2 * backed * approved + goal) // (2 * goal)


def _movement(kind: str, key: object, timestamp: datetime, amount: Decimal, cause: Row) -> Row:
    """A row of the ledger, its backer and milestone taken from what caused it."""
    return {
        "transaction_id": f"{kind}-{key}",
        "transaction_type": kind,
        "project_id": cause["project_id"],
        "backer_id": cause.get("backer_id"),
        "milestone_id": cause.get("milestone_id"),
        "amount": amount,
        "occurred_at": timestamp,
    }


def _balance(pledged: Decimal, released: Decimal, refunded: Decimal) -> Row:
    amounts = [pledged, released, refunded, pledged - released - refunded]
    return dict(zip(BALANCE_COLUMNS, amounts, strict=True))
