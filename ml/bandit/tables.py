"""What was learned and decided, as columns of the tables of schema `ml`."""

from typing import Any

import numpy as np
import pyarrow as pa

from ml.bandit.history import History
from ml.bandit.learning import Learning
from ml.bandit.policy import snapshot
from ml.bandit.settings import ARMS, BanditSettings

Columns = dict[str, Any]


def posteriors(learning: Learning) -> Columns:
    """One row per week and strategy."""
    weeks, arms = learning.known.alpha.shape
    known, found = learning.known, learning.found
    by_week = {
        "batch_at": timestamps(learning.batch_at),
        "decision_number": known.decision_number,
        "epsilon": found.epsilon,
        "state": found.state,
    }
    by_arm = {"prior_alpha": learning.prior_alpha, "prior_beta": learning.prior_beta}
    by_both = {
        "alpha": known.alpha,
        "beta": known.beta,
        "reward_count": known.reward_count,
        "pending_count": learning.pending_count,
        "mean_on_time_share": learning.mean_reward,
        "mean_money_kept_share": learning.mean_money_kept,
        "best_probability": found.best_probability,
        "propensity": found.propensity,
    }
    return (
        {"release_strategy": list(ARMS) * weeks}
        | {name: np.repeat(item, arms) for name, item in by_week.items()}
        | {name: np.tile(item, weeks) for name, item in by_arm.items()}
        | {name: pa.array(item.ravel(), from_pandas=True) for name, item in by_both.items()}
    )


def decisions(history: History, learning: Learning, settings: BanditSettings) -> Columns:
    """One row per project launched since the start."""
    known, found = learning.known, learning.found
    batch, rows = learning.batch, learning.decided
    snapshots = pa.array(
        [snapshot(known, found, week, settings.rules) for week in range(len(learning.batch_at))]
    )
    return {
        "project_id": history.project_id[rows],
        "launched_at": timestamps(history.launched_at[rows]),
        "batch_at": timestamps(learning.batch_at[batch]),
        "chosen_strategy": pa.DictionaryArray.from_arrays(learning.choice, pa.array(ARMS)),
        "propensity": found.propensity[batch, learning.choice],
        "state": found.state[batch],
        "epsilon": found.epsilon[batch],
        "draw": history.draw[rows],
        "seed": settings.seed,
        # a text per week, not per project: of a million projects they would be a gigabyte
        "snapshot": pa.DictionaryArray.from_arrays(batch, snapshots),
    }


def timestamps(micros: np.ndarray) -> np.ndarray:
    """Returns microseconds since 1970 as timestamps."""
    return np.asarray(micros).astype("datetime64[us]")
