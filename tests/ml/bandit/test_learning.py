"""Learning from what was known, and from nothing else."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ml.bandit.history import History, micros, read_history, week_of
from ml.bandit.learning import Learning, learn, skip_reason
from ml.bandit.policy import STALE
from ml.bandit.settings import BanditSettings
from ml.warehouse import open_warehouse
from tests.ml.bandit.conftest import AS_OF, DAY, Future, days


@pytest.fixture(scope="module")
def history(future: Future, tmp_path_factory: pytest.TempPathFactory) -> History:
    platform = future.at(AS_OF, tmp_path_factory.mktemp("learning") / "escrow.duckdb")
    with open_warehouse(platform.path) as warehouse:
        return read_history(warehouse, 5)


def known_before(history: History, timestamp: int) -> np.ndarray:
    return (history.arm >= 0) & (history.closes_at < timestamp)


def test_posteriors_are_priors_and_the_rewards_since_the_start(
    history: History, chosen: BanditSettings
) -> None:
    found = learn(history, chosen)
    start = known_before(history, found.batch_at[0])
    assert start.sum() >= chosen.min_rewards
    assert known_before(history, found.batch_at[0] - 7 * DAY).sum() < chosen.min_rewards
    for week, timestamp in enumerate(found.batch_at):
        known = known_before(history, timestamp)
        for arm in range(4):
            rewards = history.on_time_share[known & ~start & (history.arm == arm)]
            alpha = found.prior_alpha[arm] + rewards.sum()
            assert found.known.alpha[week, arm] == pytest.approx(alpha)
            beta = found.prior_beta[arm] + len(rewards) - rewards.sum()
            assert found.known.beta[week, arm] == pytest.approx(beta)
            assert found.known.reward_count[week, arm] == (known & (history.arm == arm)).sum()


def test_priors_hold_the_common_mean_and_at_most_so_much_history(
    history: History, chosen: BanditSettings
) -> None:
    found = learn(history, replace(chosen, history_weight=3.0))
    start = known_before(history, found.batch_at[0])
    mean = np.clip(history.on_time_share[start].mean(), 0.25, 0.75)
    for arm in range(4):
        own = history.on_time_share[start & (history.arm == arm)]
        weight = min(len(own), 3)
        expected = chosen.prior_weight * mean + weight * own.mean()
        assert found.prior_alpha[arm] == pytest.approx(expected)
        total = found.prior_alpha[arm] + found.prior_beta[arm]
        assert total == pytest.approx(chosen.prior_weight + weight)


def test_a_reward_known_on_monday_itself_comes_a_week_later(
    history: History, chosen: BanditSettings
) -> None:
    plain = learn(history, chosen)
    monday = plain.batch_at[-3]
    project = np.flatnonzero(known_before(history, monday) & (history.arm == 0))[-1]
    closes = history.closes_at.copy()
    for timestamp, seen in ((monday - 1, 0), (monday, 1)):
        closes[project] = timestamp
        found = learn(replace(history, closes_at=closes), chosen)
        difference = plain.known.reward_count[-3] - found.known.reward_count[-3]
        assert difference.tolist() == [seen, 0, 0, 0]


def test_decisions_are_numbered_and_a_week_shares_its_number(
    history: History, chosen: BanditSettings
) -> None:
    found = learn(history, chosen)
    launched = history.launched_at[history.launched_at >= found.batch_at[0]]
    assert len(found.decided) == len(launched)
    before = [(launched < monday).sum() for monday in found.batch_at]
    assert found.known.decision_number.tolist() == [1 + count for count in before]
    assert (week_of(launched) - week_of(found.batch_at[0])).tolist() == found.batch.tolist()


def test_pending_are_the_funded_whose_reward_is_not_known(
    history: History, chosen: BanditSettings
) -> None:
    found = learn(history, chosen)
    timestamp = found.batch_at[20]
    pending = (history.funded_at < timestamp) & (history.closes_at >= timestamp)
    expected = np.bincount(history.arm[pending], minlength=4)
    assert found.pending_count[20].tolist() == expected.tolist()


def test_silence_holds_the_bandit(history: History, chosen: BanditSettings) -> None:
    """No event after a timestamp: two weeks later shares are equal until events come back."""
    plain = learn(history, chosen)
    silent = history.newest_events[history.newest_events < plain.batch_at[10]]
    found = learn(replace(history, newest_events=silent), chosen)
    is_stale = plain.batch_at - silent[-1] > 14 * DAY
    assert (found.found.state[is_stale] == STALE).all()
    assert (found.found.propensity[is_stale] == 0.25).all()
    assert not (found.found.state[~is_stale] == STALE).any()
    assert is_stale.sum() > 5
    assert not is_stale[:11].any()


def test_a_good_strategy_is_found(history: History, chosen: BanditSettings) -> None:
    found = learn(history, chosen)
    assert found.found.propensity[-1].argmax() == 3
    assert found.found.propensity[-1, 3] > 0.9


def test_a_later_moment_only_adds(future: Future, chosen: BanditSettings, tmp_path: Path) -> None:
    """What was decided at an earlier timestamp stands, bit for bit, in every later build."""
    found: list[tuple[History, Learning]] = []
    for number, timestamp in enumerate((days(380.3), days(391), AS_OF)):
        platform = future.at(timestamp, tmp_path / f"{number}.duckdb")
        with open_warehouse(platform.path) as warehouse:
            history = read_history(warehouse, 5)
        found.append((history, learn(history, chosen)))
    for (earlier, early), (later, late) in pairwise(found):
        weeks, count = len(early.batch_at), len(early.decided)
        assert weeks < len(late.batch_at)
        assert count < len(late.decided)
        for name in ("alpha", "beta", "reward_count", "decision_number", "is_stale"):
            before, after = getattr(early.known, name), getattr(late.known, name)
            assert np.array_equal(before, after[:weeks]), name
        assert np.array_equal(early.found.propensity, late.found.propensity[:weeks])
        assert np.array_equal(early.pending_count, late.pending_count[:weeks])
        assert np.array_equal(early.choice, late.choice[:count])
        before, after = earlier.project_id[early.decided], later.project_id[late.decided]
        assert np.array_equal(before, after[:count])


def test_what_is_missing_is_said(history: History, chosen: BanditSettings) -> None:
    assert skip_reason(history, chosen) is None
    nothing = replace(history, arm=np.full_like(history.arm, -1))
    assert skip_reason(nothing, chosen) == "no project has a release strategy"
    young = replace(history, as_of=micros(days(100)))
    assert skip_reason(young, chosen) == "0 rewards are known, the bandit begins with 20"
