"""What the features are about and when each is known, for the modeling report."""

from collections.abc import Sequence
from typing import NamedTuple


class FeatureGroup(NamedTuple):
    """Features that become known together."""

    about: str
    known: str
    names: tuple[str, ...]


_PLAN = FeatureGroup(
    "Plan of the campaign",
    "launch; does not change",
    ("category", "country", "funding_goal", "duration_days", "launch_weekday", "launch_month"),
)
_CREATOR = FeatureGroup(
    "Creator's past",
    "launch: projects launched, outcomes and deliveries known strictly before it",
    ("prior_project_count", "prior_outcome_count", "prior_success_ratio", "prior_on_time_ratio",
     "is_first_time_creator", "reputation_score"),
)  # fmt: skip
_CATEGORY = FeatureGroup(
    "Category's past",
    "launch: outcomes known strictly before it",
    ("category_base_rate",),
)
_CAMPAIGN = FeatureGroup(
    "Campaign so far",
    "grows over time: pledges strictly before the snapshot; empty at launch",
    ("elapsed_ratio", "pledge_count", "unique_backer_count", "pledged_amount", "funding_ratio",
     "funding_velocity", "pace_ratio", "average_pledge_amount", "largest_pledge_ratio",
     "pledge_count_last_24h", "hours_since_last_pledge", "repeat_backer_ratio"),
)  # fmt: skip
_MILESTONE_PLAN = FeatureGroup(
    "Plan of the milestone",
    "launch of its project; what follows from the start, once it has started",
    ("funding_amount", "funding_share_ratio", "milestone_number", "milestone_count",
     "planned_days", "release_strategy"),
)  # fmt: skip
_FUNDING = FeatureGroup(
    "Funding of the project", "deadline of the campaign", ("overfunding_ratio",)
)
_DELIVERIES = FeatureGroup(
    "Deliveries so far",
    "milestones of the project and of its creator, known strictly before the snapshot",
    ("project_on_time_ratio", "creator_on_time_ratio", "creator_rejection_ratio"),
)
_VOTE = FeatureGroup(
    "Delay, submission and vote",
    "grows over time: submission and votes strictly before the snapshot",
    ("days_past_due", "is_submitted", "vote_count", "approval_ratio", "turnout_ratio",
     "hours_to_first_vote"),
)  # fmt: skip
GROUPS = {
    "project_success": (_PLAN, _CREATOR, _CATEGORY, _CAMPAIGN),
    "milestone_risk": (_MILESTONE_PLAN, _FUNDING, _DELIVERIES, _VOTE),
}


def grouped(model_name: str, features: Sequence[str]) -> list[FeatureGroup]:
    """Returns the groups that a model's features fall into; those not described come last."""
    found = []
    for group in GROUPS.get(model_name, ()):
        names = tuple(name for name in features if name in group.names)
        if names:
            found.append(group._replace(names=names))
    described = {name for group in found for name in group.names}
    others = tuple(name for name in features if name not in described)
    if others:
        found.append(FeatureGroup("Others", "see the description of the column", others))
    return found
