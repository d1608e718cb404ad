"""What the marts must hold, computed row by row in plain Python straight from the design.

Nothing here is fast or clever: every value filters the raw events by `event_at < snapshot_at` anew.
Ratios are exact fractions until they leave; money is counted in whole cents.
"""

from tests.dbt_project.export import Row, Tables
from tests.dbt_project.reference.facts import GRACE, total, where
from tests.dbt_project.reference.features import Features
from tests.dbt_project.reference.ledger import Ledger


class Reference(Ledger, Features):
    """The expected marts of a warehouse built from `tables` for the timestamp `as_of`."""

    def tables(self) -> Tables:
        """Every table that this reference knows, by its name in the warehouse."""
        return {
            "core.dim_creators": self.rows["creators"],
            "core.dim_backers": self.rows["backers"],
            "core.dim_projects": [self.dim_project(row) for row in self.rows["projects"]],
            "core.fct_pledges": self.rows["pledges"],
            "core.fct_milestones": [self.fct_milestone(row) for row in self.rows["milestones"]],
            "core.fct_votes": self.rows["votes"],
            "core.fct_experiment_exposures": self.rows["experiment_exposures"],
            "core.fct_escrow_transactions": self.transactions,
            "core.escrow_balances": self.escrow_balances(),
            "core.backer_balances": self.backer_balances(),
            "core.warehouse_as_of": [{"as_of": self.as_of}],
            "features.project_features": self.project_features(),
            "features.milestone_features": self.milestone_features(),
            "features.project_labels": self.project_labels(),
            "features.milestone_labels": self.milestone_labels(),
        }

    def dim_project(self, project: Row) -> Row:
        pledges = where(self.rows["pledges"], project_id=project["project_id"])
        is_successful, known_at = self.outcome(project)
        if project["cancelled_at"] is not None:
            status = "cancelled"
        elif is_successful is None:
            status = "live"
        else:
            status = "successful" if is_successful else "failed"
        return {
            **project,
            "pledged_amount": total(pledges),
            "pledge_count": len(pledges),
            "backer_count": len({pledge["backer_id"] for pledge in pledges}),
            "project_status": status,
            "is_successful": is_successful,
            "outcome_known_at": known_at,
            "funded_at": project["deadline_at"] if is_successful else None,
        }

    def fct_milestone(self, milestone: Row) -> Row:
        return {
            **milestone,
            "started_at": self.started_at[milestone["milestone_id"]],
            "grace_ends_at": milestone["due_at"] + GRACE,
            "milestone_status": self.milestone_status(milestone),
        }

    def milestone_status(self, milestone: Row) -> str:
        if milestone["resolution"] is not None:
            return str(milestone["resolution"])
        if self.is_expired(milestone):
            return "expired"
        if self.started_at[milestone["milestone_id"]] is not None:
            return "open" if milestone["submitted_at"] is None else "submitted"
        is_successful, _ = self.outcome(self.projects[milestone["project_id"]])
        is_dead_before = any(
            earlier["resolution"] == "rejected" or self.is_expired(earlier)
            for earlier in self.milestones[milestone["project_id"]]
            if earlier["milestone_number"] < milestone["milestone_number"]
        )
        return "void" if is_successful is False or is_dead_before else "planned"
