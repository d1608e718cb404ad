"""Estimates of what a policy would have earned."""

import numpy as np
import pytest

from ml.bandit.off_policy import ESTIMATORS, Log, estimate, support

MEANS = np.array([0.7, 0.5, 0.4, 0.3])


def small_log() -> Log:
    """Three decisions between two arms, the first drawn with chances 0.8, 0.5 and 0.5."""
    first = np.array([0.8, 0.5, 0.5])
    return Log(
        action=np.array([0, 1, 0]),
        reward=np.array([1.0, 0.0, 0.5]),
        propensity=np.stack([first, 1 - first], axis=1),
        guess=np.array([[0.5, 0.4], [0.6, 0.4], [0.6, 0.2]]),
    )


def test_estimates_by_hand() -> None:
    always_first = np.array([[1.0, 0.0]] * 3)
    found = estimate(small_log(), always_first)
    weights = np.array([1 / 0.8, 0, 2])
    assert found["ips"].value == pytest.approx((weights @ [1, 0, 0.5]) / 3)
    expected = (weights @ [1, 0, 0.5]) / weights.sum()
    assert found["self_normalised_ips"].value == pytest.approx(expected)
    scores = np.array([0.5 + 0.5 / 0.8, 0.6, 0.6 + 2 * (0.5 - 0.6)])
    level = np.sqrt([0.8, 0.5, 0.5])
    assert found["doubly_robust"].value == pytest.approx(level @ scores / level.sum())


def test_a_policy_that_changes_is_averaged_evenly() -> None:
    changing = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    scores = np.array([0.5 + 0.5 / 0.8, 0.5 + (0.0 - 0.4), 0.6 + 2 * (0.5 - 0.6)])
    assert estimate(small_log(), changing)["doubly_robust"].value == pytest.approx(scores.mean())


def test_support_by_hand() -> None:
    found = support(small_log(), np.array([[1.0, 0.0]] * 3))
    assert found.min_propensity == 0.5
    assert found.effective_size == pytest.approx(9 / (1 / 0.8 + 2 + 2))
    # an arm that the policy never takes may be rare
    assert support(small_log(), np.array([[0.0, 1.0]] * 3)).min_propensity == pytest.approx(0.2)


@pytest.mark.parametrize("rare", [0.25, 0.025])
def test_intervals_hold_the_truth(rare: float) -> None:
    """On 400 logs, the rarest arm at the smallest support allowed: 95 % within 3.5 errors."""
    rng, logs, decisions = np.random.default_rng(4), 400, 2000
    propensity = np.array([1 - 3 * rare, rare, rare, rare])
    action = rng.choice(4, (logs, decisions), p=propensity)
    log = Log(
        action,
        (rng.random(action.shape) < MEANS[action]) * 1.0,
        np.broadcast_to(propensity, (*action.shape, 4)),
        np.full((*action.shape, 4), 0.5),
    )
    for policy in (np.eye(4)[1], np.array([0.4, 0.3, 0.2, 0.1])):
        found = estimate(log, np.broadcast_to(policy, log.propensity.shape))
        assert found.keys() == set(ESTIMATORS)
        for name, interval in found.items():
            truth = policy @ MEANS
            hits = (interval.ci_low <= truth) & (truth <= interval.ci_high)
            assert hits.mean() == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / logs)), name
            assert interval.value.mean() == pytest.approx(truth, abs=0.02), name
