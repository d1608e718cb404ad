"""The lines of the stage `bandit` for the screen."""

from ml.bandit.bandit import Decided
from ml.bandit.policy import LEARNING
from ml.bandit.settings import ARMS
from ml.bandit.valuing import BANDIT, EQUAL_SHARES, ESTIMATED, METRICS, Value


def decided_lines(result: Decided) -> list[str]:
    """Returns since when the bandit decides, the next shares, and what they are worth."""
    learning = result.learning
    if learning is None:
        return [f"{result.version}: {result.reason}; nothing is decided, the run goes on"]
    begun = learning.batch_at[0].astype("datetime64[us]").astype("datetime64[D]")
    decided = f"{len(learning.decided):,} launches decided upon since {begun}"
    added = f"{result.added_count:,} new" if result.added_count else "nothing new"
    shares = sorted(zip(learning.found.propensity[-1], ARMS, strict=True), reverse=True)
    state = learning.found.state[-1]
    why = "" if state == LEARNING else f" ({state})"
    return [
        f"{result.version}: {decided}, {added} -> ml.bandit_decisions, ml.bandit_posteriors",
        "next launches" + why + ": " + ", ".join(f"{name} {100 * p:.1f} %" for p, name in shares),
        _worth(result.values),
    ]


def _worth(values: list[Value]) -> str:
    rows = {
        row.policy: row
        for row in values
        if row.metric == METRICS[0] and row.estimator == "doubly_robust"
    }
    bandit, equal = rows[BANDIT], rows[EQUAL_SHARES]
    if bandit.status != ESTIMATED or equal.status != ESTIMATED:
        return f"milestones on time under its choices: not estimable, {bandit.reason}"
    return (
        f"milestones on time: {_interval(bandit)} under its choices,"
        f" {_interval(equal)} with equal shares -> ml.policy_values"
    )


def _interval(row: Value) -> str:
    return f"{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]"
