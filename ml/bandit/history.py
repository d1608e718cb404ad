"""The platform's history of each release strategy, and when it became known."""

import hashlib
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ml.bandit.policy import DRAW_SQL, Ints
from ml.bandit.settings import ARMS
from ml.bandit.thompson import Floats
from ml.warehouse import Warehouse

WEEK = 7 * 86_400_000_000  # microseconds
_MONDAY = 4 * 86_400_000_000  # 1970-01-05 was the first Monday
UNKNOWN = np.iinfo(np.int64).max

# A project's reward closes when the grace of its last planned milestone ends: a timestamp that is
# planned at launch, before any outcome. Counting a project once all milestones it started are
# answered would let failures in first, since they end a project, and quick approvals before late
# ones. By then each milestone that has started is approved within its grace or is not.
_HISTORY = f"""
    with milestones as (
        select
            *,
            max(grace_ends_at) over (partition by project_id) as closes_at
        from core.fct_milestones
    ),
    started as (
        select
            project_id,
            milestone_number,
            funding_amount,
            closes_at,
            coalesce(resolution = 'approved' and resolved_at <= grace_ends_at, false) as is_on_time
        from milestones
        where started_at < closes_at
    ),
    rewarded as (
        select
            project_id,
            any_value(closes_at) as closes_at,
            count(*) as started_count,
            count(*) filter (is_on_time) as on_time_count,
            min(milestone_number) filter (not is_on_time) as failed_number
        from started
        group by project_id
    ),
    spent as (
        select started.project_id, sum(started.funding_amount) as spent_amount
        from started
        inner join rewarded on started.project_id = rewarded.project_id
        where started.milestone_number < rewarded.failed_number
        group by started.project_id
    )
    select
        projects.project_id,
        epoch_us(projects.launched_at) as launched_at,
        coalesce(list_position($arms, projects.release_strategy), 0) - 1 as arm,
        coalesce(epoch_us(projects.funded_at), {UNKNOWN}) as funded_at,
        coalesce(epoch_us(rewarded.closes_at), {UNKNOWN}) as closes_at,
        coalesce(rewarded.on_time_count / rewarded.started_count, 0) as on_time_share,
        1 - coalesce(cast(spent.spent_amount as double) / cast(projects.funding_goal as double), 0)
            as money_kept_share,
        {DRAW_SQL} as draw
    from core.dim_projects as projects
    left join rewarded on projects.project_id = rewarded.project_id
    left join spent on projects.project_id = spent.project_id
    order by projects.launched_at, projects.project_id"""

_NEWEST_EVENTS = """
    select epoch_us(max(happened_at))
    from (
        select submitted_at as happened_at from core.fct_milestones
        union all
        select resolved_at from core.fct_milestones
    ) as events
    where happened_at is not null
    group by date_trunc('week', happened_at)
    order by 1"""


@dataclass(frozen=True, slots=True)
class History:
    """One element per project, by launch; timestamps in microseconds since 1970, or UNKNOWN.

    Attributes:
        project_id: Its key.
        launched_at: When its strategy was fixed.
        arm: Position of its strategy in ARMS, -1 when not given.
        funded_at: When it was funded.
        closes_at: When its reward becomes known; UNKNOWN if no milestone ever starts.
        on_time_share: The reward: share of the started milestones that were approved within
            the grace after their due date.
        money_kept_share: Money at risk avoided: share of the pledges still in escrow when the first
            milestone failed; 1 when none did.
        draw: The number in [0, 1) that decides for it.
        newest_events: Newest submission or resolution of each week that has one, rising.
        as_of: The timestamp of the warehouse.
    """

    project_id: Ints
    launched_at: Ints
    arm: Ints
    funded_at: Ints
    closes_at: Ints
    on_time_share: Floats
    money_kept_share: Floats
    draw: Floats
    newest_events: Ints
    as_of: int

    def fingerprint(self) -> str:
        """Returns a digest of all of it."""
        hasher = hashlib.sha256()
        for field in fields(self):
            hasher.update(np.asarray(getattr(self, field.name)).tobytes())
        return hasher.hexdigest()


def read_history(warehouse: Warehouse, seed: int) -> History:
    """Reads one row per project, with everything that is known strictly before `as_of`."""
    table = warehouse.read(_HISTORY, seed=seed, arms=list(ARMS)).read_all()
    events = [newest for (newest,) in warehouse.fetch(_NEWEST_EVENTS)]
    return History(
        **{name: table.column(name).to_numpy() for name in table.column_names},
        newest_events=np.array(events, dtype=np.int64),
        as_of=micros(warehouse.as_of()),
    )


def week_of(timestamp: npt.ArrayLike) -> Ints:
    """Returns the number of the week, from Monday on, that each timestamp lies in."""
    return (np.asarray(timestamp, dtype=np.int64) - _MONDAY) // WEEK


def monday(week: npt.ArrayLike) -> Ints:
    """Returns the timestamp at which a week begins."""
    return np.asarray(week, dtype=np.int64) * WEEK + _MONDAY


def micros(timestamp: datetime) -> int:
    """Returns a timestamp as microseconds since 1970, exactly."""
    return int(np.datetime64(timestamp, "us").astype(np.int64))
