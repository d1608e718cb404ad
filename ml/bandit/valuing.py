"""Values candidate policies on the platform's own log, or gives the reason why it cannot."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
from scipy import stats

from ml.bandit import off_policy
from ml.bandit.history import History, micros
from ml.bandit.learning import Learning
from ml.bandit.off_policy import ESTIMATORS, Log, Support
from ml.bandit.policy import Ints
from ml.bandit.settings import ARMS, BanditSettings
from ml.bandit.thompson import Floats
from ml.warehouse import Warehouse

ESTIMATED, NOT_ESTIMABLE = "estimated", "not_estimable"
METRICS = ("on_time_share", "money_kept_share")
# Beside every strategy for all: what history did, what the bandit chose, what it chooses next.
EQUAL_SHARES, BANDIT, NEXT_LAUNCHES = "equal_shares", "bandit", "next_launches"
POLICIES = (*ARMS, EQUAL_SHARES, BANDIT, NEXT_LAUNCHES)

_RANDOM = 0.001  # smallest p-value at which the counts of history still look drawn evenly

_BY_ARM = ", ".join(
    f"cast(json_extract_string(snapshot, '$.arms.{name}.propensity') as double) as {name}"
    for name in ARMS
)
# What was in force at a launch is the oldest record of it: later versions only look back.
_FOLLOWED = f"""
    with followed as (
        select
            project_id,
            arg_min(chosen_strategy, as_of) as chosen_strategy,
            arg_min(snapshot, as_of) as snapshot
        from staging.stg_bandit_decisions
        where launched_at >= $since and launched_at < $as_of
        group by project_id
    )
    select project_id, list_position($arms, chosen_strategy) - 1 as choice, {_BY_ARM}
    from followed
    order by project_id"""


class Value(NamedTuple):
    """A policy's value by one metric and estimator; without figures it is not estimable."""

    policy: str
    metric: str
    estimator: str
    status: str
    reason: str | None
    value: float | None
    ci_low: float | None
    ci_high: float | None
    decision_count: int
    min_propensity: float | None
    effective_sample_size: float | None


class _Propensities(NamedTuple):
    """With which probability each strategy was given to each decision; why that is unknown."""

    values: Floats
    doubt: str | None


def value(
    history: History, learning: Learning, settings: BanditSettings, warehouse: Warehouse
) -> list[Value]:
    """Values every policy by every metric and estimator on the decisions with a known reward."""
    given = _propensities(history, learning, settings, warehouse)
    rows = learning.decided
    used = np.flatnonzero((history.arm[rows] >= 0) & (history.closes_at[rows] < history.as_of))
    at, batch = rows[used], learning.batch[used]
    found: list[Value] = []
    for metric, reward, guess in (
        (METRICS[0], history.on_time_share, learning.guess_reward),
        (METRICS[1], history.money_kept_share, learning.guess_money_kept),
    ):
        log = Log(history.arm[at], reward[at], given.values[used], guess[batch])
        for name in POLICIES:
            policy = _policy(name, learning, batch)
            found += _values(name, metric, log, policy, given.doubt, settings)
    return found


def _policy(name: str, learning: Learning, batch: Ints) -> Floats:
    """The probability of each arm at each decision, shape (decisions, arms)."""
    if name == BANDIT:
        return np.asarray(learning.found.propensity[batch])
    if name == NEXT_LAUNCHES:
        fixed = learning.found.propensity[-1]
    elif name == EQUAL_SHARES:
        fixed = np.full(len(ARMS), 1 / len(ARMS))
    else:
        fixed = np.eye(len(ARMS))[ARMS.index(name)]
    return np.tile(fixed, (len(batch), 1))


def _values(
    name: str, metric: str, log: Log, policy: Floats, doubt: str | None, settings: BanditSettings
) -> Iterator[Value]:
    count = len(log.action)
    support = off_policy.support(log, policy) if count else None
    reason = doubt or _too_little(count, support, settings)
    estimates = {} if reason else off_policy.estimate(log, policy)
    for estimator in ESTIMATORS:
        figures = estimates.get(estimator)
        yield Value(
            policy=name,
            metric=metric,
            estimator=estimator,
            status=ESTIMATED if figures else NOT_ESTIMABLE,
            reason=reason,
            value=float(figures.value) if figures else None,
            ci_low=float(figures.ci_low) if figures else None,
            ci_high=float(figures.ci_high) if figures else None,
            decision_count=count,
            min_propensity=float(support.min_propensity) if support else None,
            effective_sample_size=float(support.effective_size) if support else None,
        )


def _too_little(count: int, support: Support | None, settings: BanditSettings) -> str | None:
    if support is None or count < settings.min_decisions:
        return f"a known reward for {count:,} of the {settings.min_decisions:,} decisions needed"
    if support.min_propensity < settings.min_propensity:
        return (
            f"a strategy that the policy takes had a chance of {support.min_propensity:.4f},"
            f" {settings.min_propensity:g} is needed"
        )
    if support.effective_size < settings.min_effective_size:
        return (
            f"the log is worth {support.effective_size:.0f} decisions of this policy,"
            f" {settings.min_effective_size:g} are needed"
        )
    return None


def _propensities(
    history: History, learning: Learning, settings: BanditSettings, warehouse: Warehouse
) -> _Propensities:
    """History drew evenly, which its counts must confirm; later decisions record theirs."""
    rows = learning.decided
    values = np.full((len(rows), len(ARMS)), 1 / len(ARMS))
    arm, since = history.arm[rows], settings.followed_from
    is_followed = history.launched_at[rows] >= micros(since or datetime.max)
    doubt = _not_even(arm[~is_followed & (arm >= 0)])
    if since is not None and is_followed.any():
        records = warehouse.read(
            _FOLLOWED, since=since, as_of=warehouse.as_of(), arms=list(ARMS)
        ).read_all()
        projects = records.column("project_id").to_numpy()
        # every one is recorded: this very stage has recorded the newest
        place = np.searchsorted(projects, history.project_id[rows[is_followed]])
        exact = np.stack([records.column(name).to_numpy() for name in ARMS], axis=1)
        values[is_followed] = exact[place]
        strays = records.column("choice").to_numpy()[place] != arm[is_followed]
        if strays.any():
            doubt = (
                f"{int(strays.sum()):,} of {len(strays):,} launches since {since} did not get the"
                " strategy chosen for them, so its chance is unknown"
            )
    return _Propensities(values, doubt)


def _not_even(arm: Ints) -> str | None:
    if not len(arm):
        return None
    p_value = stats.chisquare(np.bincount(arm, minlength=len(ARMS))).pvalue
    if p_value >= _RANDOM:
        return None
    return f"strategies were not drawn evenly (chi-square p = {p_value:.1g}): unknown chances"
