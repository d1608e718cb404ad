"""From what is known of the arms to the exact probability of each choice, and to the choice."""

import hashlib
import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.bandit.settings import ARMS, Rules
from ml.bandit.thompson import Floats, best_probabilities

Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

# The number that decides for a project: the same whenever, and in whatever company, it is drawn.
DRAW_SQL = """
    cast(cast('0x' || substr(
        md5(cast($seed as varchar) || '/' || cast(projects.project_id as varchar)), 1, 13
    ) as bigint) as double) / 4503599627370496"""

# What a choice rests on: the posteriors, or equal shares and why.
LEARNING, UNPROVEN, STALE = "learning", "held_unproven", "held_stale"


class Knowledge(NamedTuple):
    """What is known of the arms at each decision time.

    Attributes:
        alpha: First parameter of the Beta posteriors, shape (times, arms).
        beta: Second parameter, same shape.
        reward_count: Rewards known, those of the history included, same shape.
        decision_number: 1 for the first decision ever, shape (times,).
        is_stale: Whether there were no new events for too long, shape (times,).
    """

    alpha: Floats
    beta: Floats
    reward_count: Ints
    decision_number: Ints
    is_stale: npt.NDArray[np.bool_]


class Shares(NamedTuple):
    """What follows from it: shapes (times, arms), and (times,) for the last two."""

    best_probability: Floats
    propensity: Floats
    epsilon: Floats
    state: Texts


def epsilon(number: Ints, *, constant: float, floor: float) -> Floats:
    """Returns the chance of a uniform choice at the t-th decision: max(constant / t, floor).

    With constant / t the regret of exploring stays logarithmic (Auer et al., 2002); the floor makes
    it linear, which is the price of a log that can be valued.
    """
    return np.clip(constant / number, floor, 1.0)


def shares(known: Knowledge, rules: Rules) -> Shares:
    """Returns the exact probability of every arm, after exploration, cap and hold.

    Thompson sampling, mixed with a uniform choice of chance epsilon; an unproven arm gets at most
    the cap, what it loses goes to the proven ones in proportion. Equal shares when none is proven
    or the data are stale.
    """
    arms = known.alpha.shape[1]
    best = best_probabilities(known.alpha, known.beta)
    chance = epsilon(known.decision_number, constant=rules.constant, floor=rules.floor)
    mixed = (1 - chance)[:, None] * best + (chance / arms)[:, None]
    is_proven = known.reward_count >= rules.min_arm_rewards
    state = np.where(is_proven.any(axis=1), LEARNING, UNPROVEN)
    state = np.where(known.is_stale, STALE, state)
    capped = _capped(mixed, is_proven, rules.unproven_cap)
    propensity = np.where((state == LEARNING)[:, None], capped, 1 / arms)
    return Shares(best, propensity, chance, state)


def _capped(probability: Floats, is_proven: npt.NDArray[np.bool_], cap: float) -> Floats:
    unproven = np.where(is_proven, 0.0, np.minimum(probability, cap))
    proven = np.where(is_proven, probability, 0.0)
    total = proven.sum(axis=1, keepdims=True)
    rest = 1 - unproven.sum(axis=1, keepdims=True)
    scale = np.divide(rest, total, out=np.ones_like(total), where=total > 0)
    # never less than 1, but for rounding, which may not take an arm below its floor
    return np.asarray(unproven + proven * np.maximum(scale, 1.0))


def choose(propensity: Floats, draw: Floats) -> Ints:
    """Returns the arm on whose stretch of [0, 1) the draw falls, shape (rows,).

    Args:
        propensity: Shape (rows, arms).
        draw: Uniform on [0, 1), shape (rows,).
    """
    ends = propensity.cumsum(axis=1)[:, :-1]
    return np.asarray((draw[:, None] >= ends).sum(axis=1))


def snapshot(known: Knowledge, found: Shares, place: int, rules: Rules) -> str:
    """Writes down, as JSON, all that the decisions at one time rest on; `replay` reads it."""
    arms = {
        name: {
            "alpha": float(known.alpha[place, arm]),
            "beta": float(known.beta[place, arm]),
            "reward_count": int(known.reward_count[place, arm]),
            "propensity": float(found.propensity[place, arm]),
        }
        for arm, name in enumerate(ARMS)
    }
    content = {
        "decision_number": int(known.decision_number[place]),
        "is_stale": bool(known.is_stale[place]),
        "rules": rules._asdict(),
        "arms": arms,
    }
    return json.dumps(content, separators=(",", ":"))


class Replayed(NamedTuple):
    """A decision made again from what its row holds."""

    chosen_strategy: str
    propensity: float
    propensities: dict[str, float]


def replay(snapshot: str, *, seed: int, project_id: int) -> Replayed:
    """Makes a decision again, bit for bit, from three columns of its row."""
    content = json.loads(snapshot)
    arms = content["arms"]
    known = Knowledge(
        alpha=np.array([[arms[name]["alpha"] for name in ARMS]]),
        beta=np.array([[arms[name]["beta"] for name in ARMS]]),
        reward_count=np.array([[arms[name]["reward_count"] for name in ARMS]]),
        decision_number=np.array([content["decision_number"]]),
        is_stale=np.array([content["is_stale"]]),
    )
    propensity = shares(known, Rules(**content["rules"])).propensity
    arm = int(choose(propensity, np.array([draw(seed, project_id)]))[0])
    exact = dict(zip(ARMS, propensity[0].tolist(), strict=True))
    return Replayed(ARMS[arm], exact[ARMS[arm]], exact)


def draw(seed: int, project_id: int) -> float:
    """Returns the project's number in [0, 1): 52 bits of a hash, as in `DRAW_SQL`."""
    return int(hashlib.md5(f"{seed}/{project_id}".encode()).hexdigest()[:13], 16) / 2**52
