"""What a policy would have earned, estimated from a log of decisions that another policy made."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from ml.bandit.policy import Ints
from ml.bandit.thompson import Floats

ESTIMATORS = ("ips", "self_normalised_ips", "doubly_robust")
_LEVEL = 0.95


class Log(NamedTuple):
    """Decisions in the order in which they were made; `...` may be any number of logs.

    Attributes:
        action: Position of the arm taken, shape (..., decisions).
        reward: What it earned, in [0, 1], same shape.
        propensity: With which probability each arm would have been taken, given what was known
            then, shape (..., decisions, arms).
        guess: Expected reward of each arm by what was known then, same shape; a bad guess costs
            precision, not correctness.
    """

    action: Ints
    reward: Floats
    propensity: Floats
    guess: Floats


class Support(NamedTuple):
    """How far the log speaks of the policy, shape (...).

    Attributes:
        min_propensity: Smallest logged probability of an arm that the policy may take.
        effective_size: n^2 / sum of policy^2 / propensity over decisions and arms: Kish's sample
            size with the expected squares of the weights. The squares that chance drew would let
            the gate pick the logs in which a rare arm was lucky.
    """

    min_propensity: Floats
    effective_size: Floats


class Estimate(NamedTuple):
    """A policy's mean reward with its 95 % interval, shape (...)."""

    value: Floats
    ci_low: Floats
    ci_high: Floats


def support(log: Log, policy: Floats) -> Support:
    """Measures the support of a policy, shape (..., decisions, arms), in a log."""
    taken = np.where(policy > 0, log.propensity, 1.0)
    squares = (policy**2 / log.propensity).sum(axis=(-2, -1))
    return Support(taken.min(axis=(-2, -1)), log.action.shape[-1] ** 2 / squares)


def estimate(log: Log, policy: Floats) -> dict[str, Estimate]:
    """Estimates the mean reward of a policy by each of ESTIMATORS.

    - `ips`: mean of w r, w = policy / propensity (Horvitz and Thompson, 1952).
    - `self_normalised_ips`: sum of w r / sum of w (Swaminathan and Joachims, 2015).
    - `doubly_robust`: the guess corrected by w (r - guess), averaged with weights that keep its
      variance level while the log's policy learns: one over the root of the sum of
      policy^2 / propensity (Hadad et al., 2021; Zhan et al., 2021). They depend on the past only.
      A policy that itself changes from decision to decision is averaged evenly, since weights would
      favour some of its phases.

    Intervals are normal with Student's quantile for the effective sample size, scores being
    martingale differences around the value.

    Args:
        log: The decisions.
        policy: Its probability of each arm, shape (..., decisions, arms).
    """
    weight = _weights(log, policy)
    even = np.ones_like(weight)
    variance = (policy**2 / log.propensity).sum(axis=-1)
    is_fixed = (policy == policy[..., :1, :]).all(axis=(-2, -1))[..., None]
    level = np.where(is_fixed, 1 / np.sqrt(variance), 1.0)
    guess = np.take_along_axis(log.guess, log.action[..., None], axis=-1)[..., 0]
    robust = (policy * log.guess).sum(axis=-1) + weight * (log.reward - guess)
    scores = {
        "ips": (even, weight * log.reward),
        "self_normalised_ips": (weight, log.reward),
        "doubly_robust": (level, robust),
    }
    return {name: _weighted_mean(*scores[name]) for name in ESTIMATORS}


def _weights(log: Log, policy: Floats) -> Floats:
    at = log.action[..., None]
    taken = np.take_along_axis(policy, at, axis=-1)
    return np.asarray((taken / np.take_along_axis(log.propensity, at, axis=-1))[..., 0])


def _weighted_mean(weight: Floats, score: Floats) -> Estimate:
    total = weight.sum(axis=-1)
    value = (weight * score).sum(axis=-1) / total
    squares = (weight * (score - value[..., None])) ** 2
    variance = squares.sum(axis=-1)
    fourth = (squares**2).sum(axis=-1)
    # As many as would give this variance with equal shares: a few heavy weights are few data.
    count = np.divide(variance**2, fourth, out=np.full_like(fourth, 2.0), where=fourth > 0)
    quantile = stats.t.ppf((1 + _LEVEL) / 2, np.maximum(count - 1, 1))
    half = quantile * np.sqrt(variance) / total
    return Estimate(value, value - half, value + half)
