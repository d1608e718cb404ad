"""Plays the bandit through the history, week by week, with what was known at each Monday."""

from dataclasses import dataclass

import numpy as np

from ml.bandit.history import UNKNOWN, History, monday, week_of
from ml.bandit.policy import Ints, Knowledge, Shares, choose, shares
from ml.bandit.settings import ARMS, BanditSettings
from ml.bandit.thompson import Floats

_DAY = 86_400_000_000
_EDGE = 0.25  # of the prior mean: with a weight of 2, no prior is less than Jeffreys'


@dataclass(frozen=True, slots=True)
class Learning:
    """One element per week from the bandit's start to `as_of`; arms in the order of ARMS.

    Attributes:
        batch_at: Mondays, at 00:00 UTC: what was known strictly before decides for the launches of
            the week.
        prior_alpha: First parameter of the priors, shape (arms,).
        prior_beta: Second parameter, shape (arms,).
        known: Posteriors and what else the decisions rest on.
        found: The shares that follow.
        pending_count: Funded projects whose reward is not known yet, shape (weeks, arms).
        mean_reward: Mean of the known rewards, NaN without any, shape (weeks, arms).
        mean_money_kept: The same of the money at risk avoided.
        guess_reward: Expectation of a reward given what was known, shape (weeks, arms).
        guess_money_kept: The same of the money at risk avoided.
        decided: Positions in the history of the projects decided upon.
        batch: Their positions in `batch_at`.
        choice: Positions of the strategies chosen for them in ARMS.
    """

    batch_at: Ints
    prior_alpha: Floats
    prior_beta: Floats
    known: Knowledge
    found: Shares
    pending_count: Ints
    mean_reward: Floats
    mean_money_kept: Floats
    guess_reward: Floats
    guess_money_kept: Floats
    decided: Ints
    batch: Ints
    choice: Ints


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums per arm over the rewards known strictly before each time, shape (times, arms)."""

    count: Ints
    reward: Floats
    money_kept: Floats


def skip_reason(history: History, settings: BanditSettings) -> str | None:
    """Returns what is missing before anything can be learned; None when nothing is."""
    if not (history.arm >= 0).any():
        return "no project has a release strategy"
    if not (history.closes_at < UNKNOWN).any():
        return "no milestone of a funded project has started"
    known = int(_is_known(history).sum())
    if known < settings.min_rewards or _start_week(history, settings) > week_of(history.as_of):
        return f"{known:,} rewards are known, the bandit begins with {settings.min_rewards:,}"
    return None


def learn(history: History, settings: BanditSettings) -> Learning:
    """Plays all weeks from the start on; `skip_reason` must have found nothing missing.

    A week's decisions use rewards that closed strictly before its Monday, so a later `as_of` adds
    weeks and changes none.
    """
    start = int(_start_week(history, settings))
    batch_at = monday(np.arange(start, int(week_of(history.as_of)) + 1))
    sums = _sums(history, batch_at)
    prior_alpha, prior_beta = _priors(sums, settings)
    decided = np.flatnonzero(history.launched_at >= batch_at[0])
    batch = week_of(history.launched_at[decided]) - start
    in_week = np.bincount(batch, minlength=len(batch_at))
    gained = sums.reward - sums.reward[0]
    known = Knowledge(
        alpha=prior_alpha + gained,
        beta=prior_beta + (sums.count - sums.count[0] - gained),
        reward_count=sums.count,
        decision_number=1 + in_week.cumsum() - in_week,
        is_stale=_is_stale(history, batch_at, settings),
    )
    found = shares(known, settings.rules)
    funded = _counts(history, history.funded_at, batch_at)
    return Learning(
        batch_at=batch_at,
        prior_alpha=prior_alpha,
        prior_beta=prior_beta,
        known=known,
        found=found,
        pending_count=funded - sums.count,
        mean_reward=_mean(sums.reward, sums.count),
        mean_money_kept=_mean(sums.money_kept, sums.count),
        guess_reward=known.alpha / (known.alpha + known.beta),
        guess_money_kept=(sums.money_kept + 0.5) / (sums.count + 1),
        decided=decided,
        batch=batch,
        choice=choose(found.propensity[batch], history.draw[decided]),
    )


def _is_known(history: History) -> np.ndarray:
    return (history.arm >= 0) & (history.closes_at < history.as_of)


def _start_week(history: History, settings: BanditSettings) -> Ints:
    """The first week before whose Monday enough rewards were known."""
    closes = np.sort(history.closes_at[_is_known(history)])
    return week_of(closes[settings.min_rewards - 1]) + 1


def _sums(history: History, times: Ints) -> _Sums:
    # Summed in the order of becoming known: a prefix of the history gives the same bits.
    order = np.lexsort((history.project_id, history.closes_at))
    order = order[history.arm[order] >= 0]
    closes, arm = history.closes_at[order], history.arm[order]
    seen = np.searchsorted(closes, times, side="left")
    count = np.empty((len(times), len(ARMS)), dtype=np.int64)
    reward, money_kept = np.empty(count.shape), np.empty(count.shape)
    for number in range(len(ARMS)):
        is_arm = arm == number
        for total, values in (
            (count, is_arm),
            (reward, np.where(is_arm, history.on_time_share[order], 0.0)),
            (money_kept, np.where(is_arm, history.money_kept_share[order], 0.0)),
        ):
            total[:, number] = np.concatenate([[0], values.cumsum()])[seen]
    return _Sums(count, reward, money_kept)


def _counts(history: History, at: Ints, times: Ints) -> Ints:
    return np.stack(
        [
            np.searchsorted(np.sort(at[history.arm == number]), times, side="left")
            for number in range(len(ARMS))
        ],
        axis=1,
    )


def _priors(sums: _Sums, settings: BanditSettings) -> tuple[Floats, Floats]:
    """Beta priors from what was known at the start: the mean of all arms, and a little of each."""
    count, reward = sums.count[0], sums.reward[0]
    mean = np.clip(reward.sum() / count.sum(), _EDGE, 1 - _EDGE)
    weight = np.minimum(count, settings.history_weight) / np.maximum(count, 1)
    alpha = settings.prior_weight * mean + weight * reward
    beta = settings.prior_weight * (1 - mean) + weight * (count - reward)
    return alpha, beta


def _is_stale(history: History, times: Ints, settings: BanditSettings) -> np.ndarray:
    before = np.searchsorted(history.newest_events, times, side="left") - 1
    newest = np.where(before >= 0, history.newest_events[np.maximum(before, 0)], 0)
    return np.asarray(times - newest > settings.stale_after_days * _DAY)


def _mean(total: Floats, count: Ints) -> Floats:
    known = np.where(count > 0, count, np.nan)
    return np.asarray(total / known)
