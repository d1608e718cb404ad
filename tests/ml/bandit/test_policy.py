"""From posteriors to exact shares and to choices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.bandit import policy
from ml.bandit.policy import LEARNING, STALE, UNPROVEN, Knowledge, choose, epsilon, shares
from ml.bandit.settings import Rules

RULES = Rules(constant=0.5, floor=0.1, min_arm_rewards=30, unproven_cap=0.2)
arm = st.tuples(st.integers(0, 200), st.integers(0, 200))


def knowledge(
    arms: list[tuple[int, int]], *, number: int = 10, is_stale: bool = False
) -> Knowledge:
    good, bad = np.array(arms).T
    return Knowledge(
        alpha=1.0 + good[None],
        beta=1.0 + bad[None],
        reward_count=(good + bad)[None],
        decision_number=np.array([number]),
        is_stale=np.array([is_stale]),
    )


def test_epsilon_falls_to_its_floor() -> None:
    found = epsilon(np.array([1, 10, 1000]), constant=0.5, floor=0.001)
    assert found.tolist() == [0.5, 0.05, 0.001]
    assert epsilon(np.array([1]), constant=3, floor=0).tolist() == [1.0]


@settings(deadline=None)
@given(st.lists(arm, min_size=4, max_size=4), st.integers(1, 100_000))
def test_shares_keep_the_rules(arms: list[tuple[int, int]], number: int) -> None:
    known = knowledge(arms, number=number)
    found = shares(known, RULES)
    (share,) = found.propensity
    is_proven = known.reward_count[0] >= RULES.min_arm_rewards
    assert share.sum() == pytest.approx(1, abs=1e-12)
    if not is_proven.any():
        assert found.state == [UNPROVEN]
        assert share.tolist() == [0.25] * 4
    else:
        assert found.state == [LEARNING]
        assert (share[~is_proven] <= RULES.unproven_cap).all()
        # nobody is given up: the chance of exploring remains
        # exactly: the valuation asks for no less
        assert (share >= RULES.floor / 4).all()


def test_what_the_cap_takes_goes_to_the_proven_in_proportion() -> None:
    found = shares(knowledge([(9, 1), (40, 40), (45, 40), (20, 40)], number=500), RULES)
    (share,), (best,) = found.propensity, found.best_probability
    mixed = (1 - found.epsilon[0]) * best + found.epsilon[0] / 4
    assert best[0] > 0.9
    assert share[0] == RULES.unproven_cap
    assert share[1:] == pytest.approx(mixed[1:] / mixed[1:].sum() * 0.8)


def test_stale_data_give_equal_shares() -> None:
    found = shares(knowledge([(90, 1), (40, 40), (45, 40), (20, 40)], is_stale=True), RULES)
    assert found.state == [STALE]
    assert found.propensity.tolist() == [[0.25] * 4]


@pytest.mark.parametrize("capped", [(9, 1), (90, 40)])
def test_choices_come_as_often_as_their_propensity_says(capped: tuple[int, int]) -> None:
    """Over the very draws that projects get, with and without an arm at its cap."""
    found = shares(knowledge([capped, (85, 40), (87, 40), (80, 40)]), RULES)
    draws = np.array([policy.draw(7, project) for project in range(100_000)])
    chosen = choose(np.repeat(found.propensity, len(draws), axis=0), draws)
    counts = np.bincount(chosen, minlength=4)
    assert stats.chisquare(counts, found.propensity[0] * len(draws)).pvalue > 0.001


def test_a_choice_is_made_again_from_its_snapshot() -> None:
    known = knowledge([(9, 1), (40, 40), (45, 40), (20, 40)], number=17)
    found = shares(known, RULES)
    again = policy.replay(policy.snapshot(known, found, 0, RULES), seed=3, project_id=99)
    assert list(again.propensities.values()) == found.propensity[0].tolist()
    place = choose(found.propensity, np.array([policy.draw(3, 99)]))[0]
    assert again.propensity == found.propensity[0, place]
