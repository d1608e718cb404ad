"""A ledger made by hand, with amounts up to a trillion, of every way that money can go."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.pages import documented

AS_OF = datetime(2023, 12, 31, 12)
TRILLION = Decimal("1000000000000.00")
# id, title, status, funded, and of its money: pledged, released, refunded
PROJECTS: tuple[tuple[int, str, str, datetime | None, Decimal, Decimal, Decimal], ...] = (
    (1, "Live <b>one</b>", "live", None, Decimal("400000000000.01"), Decimal(0), Decimal(0)),
    (2, "Paid in parts", "successful", datetime(2023, 11, 15), TRILLION,
     Decimal("300000000000.33"), Decimal(0)),
    (3, "Failed", "failed", None, Decimal("10.10"), Decimal(0), Decimal("10.10")),
    (4, "Rejected", "successful", datetime(2023, 11, 1), Decimal("100.00"), Decimal("33.33"),
     Decimal("66.67")),
    (5, "Cancelled", "cancelled", None, Decimal("5.00"), Decimal(0), Decimal("5.00")),
)  # fmt: skip
MILESTONES: tuple[dict[str, Any], ...] = (
    {"milestone_id": 21, "project_id": 2, "milestone_number": 1, "milestone_status": "approved",
     "started_at": "2023-11-15", "submitted_at": "2023-11-25", "due_at": "2023-11-28",
     "resolved_at": "2023-12-10"},
    {"milestone_id": 22, "project_id": 2, "milestone_number": 2, "milestone_status": "open",
     "started_at": "2023-12-10", "submitted_at": None, "due_at": "2023-12-20",
     "resolved_at": None},
    {"milestone_id": 41, "project_id": 4, "milestone_number": 1, "milestone_status": "approved",
     "started_at": "2023-11-01", "submitted_at": "2023-11-03", "due_at": "2023-11-20",
     "resolved_at": "2023-11-10"},
    {"milestone_id": 42, "project_id": 4, "milestone_number": 2, "milestone_status": "rejected",
     "started_at": "2023-11-10", "submitted_at": "2023-11-11", "due_at": "2023-12-20",
     "resolved_at": "2023-12-01"},
)  # fmt: skip
# type, project, milestone, when
MOVED = (
    ("deposit", 1, None, "2023-12-05"), ("deposit", 2, None, "2023-10-10"),
    ("deposit", 3, None, "2023-10-01"), ("deposit", 4, None, "2023-10-31 23:59:59.999999"),
    ("deposit", 5, None, "2023-11-02"), ("release", 2, 21, "2023-12-10"),
    ("refund", 3, None, "2023-11-30"), ("release", 4, 41, "2023-11-10"),
    ("refund", 4, 42, "2023-12-01"), ("refund", 5, None, "2023-11-03"),
)  # fmt: skip
_PLACE = {"deposit": 4, "release": 5, "refund": 6}


def write(path: Path) -> None:
    """Writes the tables of core; each project has one backer. A timestamp that is there stays."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows["core.fct_milestones"] += MILESTONES
    for key, title, status, funded_at, pledged, released, refunded in PROJECTS:
        amounts = {
            "pledged_amount": pledged,
            "released_amount": released,
            "refunded_amount": refunded,
            "held_amount": pledged - released - refunded,
        }
        project = {"project_id": key, "title": title, "project_status": status, "creator_id": 1}
        project |= {"funded_at": funded_at, "is_successful": status == "successful"}
        days = ("2023-12-04", "2024-01-20") if status == "live" else ("2023-10-01", "2023-11-15")
        project |= dict(zip(("launched_at", "deadline_at"), days, strict=True))
        rows["core.dim_projects"].append(project | {"pledged_amount": pledged})
        rows["core.escrow_balances"].append({"project_id": key} | amounts)
        rows["core.backer_balances"].append({"project_id": key, "backer_id": key} | amounts)
    by_key = {project[0]: project for project in PROJECTS}
    for kind, key, milestone, at in MOVED:
        row = {"project_id": key, "amount": by_key[key][_PLACE[kind]]}
        moved = {"transaction_type": kind, "milestone_id": milestone, "occurred_at": at}
        rows["core.fct_escrow_transactions"].append(row | moved)
        if kind == "deposit":
            rows["core.fct_pledges"].append(row | {"backer_id": key, "pledged_at": at})
    documented.create(path, rows)
    documented.sql(
        path,
        f"""insert into core.warehouse_as_of select '{AS_OF}'
        where not exists (from core.warehouse_as_of)""",
    )
