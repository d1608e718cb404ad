"""Features and labels, each value from the events strictly before its snapshot."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from tests.dbt_project.export import Row
from tests.dbt_project.reference.facts import (
    DAY,
    GRACE,
    HOUR,
    Facts,
    as_float,
    divided,
    first,
    fraction,
    mean,
    quotient,
    total,
    where,
)

SNAPSHOT_AFTER = {
    "launch": 0 * HOUR,
    "h4": 4 * HOUR,
    "h36": 36 * HOUR,
    "d3": 3 * DAY,
    "d6": 6 * DAY,
    "d14": 14 * DAY,
    "d21": 21 * DAY,
}


class Features(Facts):
    """What may be known of projects and milestones at their snapshots."""

    def project_features(self) -> list[Row]:
        return [
            {
                "project_id": project["project_id"],
                "snapshot_kind": kind,
                "snapshot_at": timestamp,
                **self._known_at_launch(project),
                **self._in_campaign(project, timestamp),
            }
            for project in self.rows["projects"]
            for kind, timestamp in self._project_snapshots(project)
        ]

    def _project_snapshots(self, project: Row) -> Iterable[tuple[str, datetime]]:
        end = min(project["deadline_at"], project["cancelled_at"] or project["deadline_at"])
        for kind, age in SNAPSHOT_AFTER.items():
            timestamp = project["launched_at"] + age
            if timestamp < end and timestamp <= self.as_of:
                yield kind, timestamp
        if self.as_of < end:
            yield "current", self.as_of

    def _known_at_launch(self, project: Row) -> Row:
        launched_at = project["launched_at"]
        own = where(self.rows["projects"], creator_id=project["creator_id"])
        own_outcomes = self._outcomes_before(launched_at, own)
        category = where(self.rows["projects"], category=project["category"])
        base_rate = mean(self._outcomes_before(launched_at, category))
        reputation = None
        if base_rate is not None:
            reputation = (sum(own_outcomes) + 2 * base_rate) / (len(own_outcomes) + 2)
        prior_count = sum(other["launched_at"] < launched_at for other in own)
        return {
            "category": project["category"],
            "country": project["country"],
            "funding_goal": project["funding_goal"],
            "duration_days": quotient(project["deadline_at"] - launched_at, DAY),
            "launch_weekday": launched_at.isoweekday(),
            "launch_month": launched_at.month,
            "prior_project_count": prior_count,
            "prior_outcome_count": len(own_outcomes),
            "prior_success_ratio": as_float(mean(own_outcomes)),
            "prior_on_time_ratio": self._on_time_ratio(launched_at, own),
            "is_first_time_creator": prior_count == 0,
            "category_base_rate": as_float(base_rate),
            "reputation_score": as_float(reputation),
        }

    def _in_campaign(self, project: Row, timestamp: datetime) -> Row:
        elapsed = timestamp - project["launched_at"]
        elapsed_ratio = fraction(elapsed, project["deadline_at"] - project["launched_at"])
        pledges = [
            pledge
            for pledge in where(self.rows["pledges"], project_id=project["project_id"])
            if pledge["pledged_at"] < timestamp
        ]
        pledged = total(pledges)
        funding_ratio = Fraction(pledged) / Fraction(project["funding_goal"])
        backer_ids = {pledge["backer_id"] for pledge in pledges}
        last_pledged_at = max((pledge["pledged_at"] for pledge in pledges), default=None)
        return {
            "is_decided": pledged >= project["funding_goal"],
            "elapsed_ratio": as_float(elapsed_ratio),
            "pledge_count": len(pledges),
            "unique_backer_count": len(backer_ids),
            "pledged_amount": pledged,
            "funding_ratio": as_float(funding_ratio),
            "funding_velocity": len(pledges) / quotient(elapsed, DAY) if elapsed else None,
            "pace_ratio": as_float(funding_ratio / elapsed_ratio) if elapsed else None,
            "average_pledge_amount": as_float(mean([pledge["amount"] for pledge in pledges])),
            "largest_pledge_ratio": as_float(
                Fraction(max(pledge["amount"] for pledge in pledges)) / Fraction(pledged)
            )
            if pledges
            else None,
            "pledge_count_last_24h": sum(row["pledged_at"] >= timestamp - DAY for row in pledges),
            "hours_since_last_pledge": quotient(timestamp - last_pledged_at, HOUR)
            if last_pledged_at
            else None,
            "repeat_backer_ratio": as_float(
                mean([self._is_repeat_backer(backer_id, pledges) for backer_id in backer_ids])
            ),
        }

    def _is_repeat_backer(self, backer_id: int, pledges_to_project: list[Row]) -> bool:
        first_here = first(where(pledges_to_project, backer_id=backer_id), "pledged_at")
        anywhere = where(self.rows["pledges"], backer_id=backer_id)
        return any(pledge["pledged_at"] < first_here for pledge in anywhere)

    def _outcomes_before(self, timestamp: datetime, projects: list[Row]) -> list[bool]:
        """The outcomes of these projects that were known strictly before the timestamp."""
        outcomes = [self.outcome(project) for project in projects]
        return [bool(won) for won, known_at in outcomes if known_at and known_at < timestamp]

    def _on_time_ratio(self, timestamp: datetime, projects: list[Row]) -> float | None:
        """Share on time of the milestones for which that was known strictly before it."""
        answers = []
        for project in projects:
            for milestone in self.milestones[project["project_id"]]:
                started_at = self.started_at[milestone["milestone_id"]]
                submitted_at, due_at = milestone["submitted_at"], milestone["due_at"]
                is_on_time = submitted_at is not None and submitted_at <= due_at
                known_at = submitted_at if is_on_time else due_at
                if started_at is not None and max(started_at, known_at) < timestamp:
                    answers.append(is_on_time)
        return as_float(mean(answers))

    def milestone_features(self) -> list[Row]:
        return [
            {
                "milestone_id": milestone["milestone_id"],
                "project_id": milestone["project_id"],
                "snapshot_kind": kind,
                "snapshot_at": timestamp,
                **self._planned(milestone),
                **self._in_delivery(milestone, timestamp),
            }
            for milestone in self.rows["milestones"]
            for kind, timestamp in self._milestone_snapshots(milestone)
        ]

    def _milestone_snapshots(self, milestone: Row) -> list[tuple[str, datetime]]:
        started_at = self.started_at[milestone["milestone_id"]]
        if started_at is None:
            return []
        snapshots = [("start", started_at)]
        if milestone["due_at"] > started_at:
            snapshots.append(("due", milestone["due_at"]))
        if milestone["submitted_at"] is not None:
            snapshots.append(("vote_1d", milestone["submitted_at"] + DAY))
            snapshots.append(("vote_3d", milestone["submitted_at"] + 3 * DAY))
        if milestone["resolved_at"] is None and not self.is_expired(milestone):
            snapshots.append(("current", self.as_of))
        return [(kind, timestamp) for kind, timestamp in snapshots if timestamp <= self.as_of]

    def _planned(self, milestone: Row) -> Row:
        project = self.projects[milestone["project_id"]]
        siblings = self.milestones[milestone["project_id"]]
        pledged = total(where(self.rows["pledges"], project_id=project["project_id"]))
        return {
            "funding_amount": milestone["funding_amount"],
            "funding_share_ratio": divided(milestone["funding_amount"], project["funding_goal"]),
            "milestone_number": milestone["milestone_number"],
            "milestone_count": len(siblings),
            "planned_days": quotient(self._planned_span(milestone), DAY),
            "overfunding_ratio": divided(pledged, project["funding_goal"]),
            "release_strategy": project["release_strategy"],
        }

    def _planned_span(self, milestone: Row) -> timedelta:
        project, siblings = (
            rows[milestone["project_id"]] for rows in (self.projects, self.milestones)
        )
        plan = [project["deadline_at"], *(sibling["due_at"] for sibling in siblings)]
        return milestone["due_at"] - plan[milestone["milestone_number"] - 1]

    def _in_delivery(self, milestone: Row, timestamp: datetime) -> Row:
        project = self.projects[milestone["project_id"]]
        own = where(self.rows["projects"], creator_id=project["creator_id"])
        own_ids = {row["project_id"] for row in own}
        verdicts = [
            row["resolution"] == "rejected"
            for row in self.rows["milestones"]
            if row["project_id"] in own_ids
            and row["resolved_at"]
            and row["resolved_at"] < timestamp
        ]
        votes = [
            vote
            for vote in where(self.rows["votes"], milestone_id=milestone["milestone_id"])
            if vote["voted_at"] < timestamp
        ]
        lead = sum(1 if vote["is_approval"] else -1 for vote in votes)
        resolved_at, submitted_at = milestone["resolved_at"], milestone["submitted_at"]
        is_submitted = submitted_at is not None and submitted_at < timestamp
        late = quotient(self.started_at[milestone["milestone_id"]] - milestone["due_at"], DAY)
        planned = quotient(self._planned_span(milestone), DAY)
        return {
            "is_decided": (resolved_at is not None and resolved_at < timestamp)
            or milestone["due_at"] + GRACE <= timestamp,
            "days_past_due": quotient(timestamp - milestone["due_at"], DAY),
            "late_start_ratio": min(max(1 + late / planned, -1.0), 2.0),
            "project_on_time_ratio": self._on_time_ratio(timestamp, [project]),
            "creator_on_time_ratio": self._on_time_ratio(timestamp, own),
            "creator_rejection_ratio": as_float(mean(verdicts)),
            "is_submitted": is_submitted,
            "days_since_submission": quotient(timestamp - submitted_at, DAY)
            if is_submitted
            else None,
            "vote_count": len(votes),
            "approval_ratio": as_float(mean([vote["is_approval"] for vote in votes])),
            "approval_z_score": min(max(lead / math.sqrt(len(votes)), -2.0), 2.0)
            if votes
            else None,
            "turnout_ratio": len(votes) / len(self.backed(milestone["project_id"])),
            "hours_to_first_vote": quotient(first(votes, "voted_at") - submitted_at, HOUR)
            if votes
            else None,
        }

    # Labels

    def project_labels(self) -> list[Row]:
        rows = []
        for project in self.rows["projects"]:
            is_successful, known_at = self.outcome(project)
            if known_at is not None:
                rows.append(
                    {
                        "project_id": project["project_id"],
                        "is_successful": is_successful,
                        "outcome_known_at": known_at,
                        "label_window_ends_at": max(known_at, project["deadline_at"]),
                    }
                )
        return rows

    def milestone_labels(self) -> list[Row]:
        rows = []
        for milestone in self.rows["milestones"]:
            started_at = self.started_at[milestone["milestone_id"]]
            if started_at is None:
                continue
            end_of_grace, resolved_at = milestone["due_at"] + GRACE, milestone["resolved_at"]
            if resolved_at is not None and resolved_at <= end_of_grace:
                is_high_risk, known_at = milestone["resolution"] != "approved", resolved_at
            else:
                is_high_risk, known_at = True, max(started_at, end_of_grace)
            if known_at <= self.as_of:
                rows.append(
                    {
                        "milestone_id": milestone["milestone_id"],
                        "is_high_risk": is_high_risk,
                        "outcome_known_at": known_at,
                        "label_window_ends_at": max(known_at, end_of_grace),
                    }
                )
        return rows
