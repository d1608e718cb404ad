"""How soon a level that is off is named, and how often one that is right: docs/monitoring.md.

`python -m tests.benchmarks.outcomes`. No platform is needed: outcomes are drawn by probabilities as
a model gives them by launch facts (AUC about .70) and three days later (about .90).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from scipy import optimize, special

from ml.monitoring.findings import LEVEL
from ml.monitoring.outcomes import Outcomes, OutcomeWatch, evidence
from tests.benchmarks.monitor import MODELS, MONITORING, percent
from tests.benchmarks.whole_run import write_section

START, A_WEEK, REPLAYS, SEED = datetime(2023, 1, 2), 26, 400, 3
SPREADS = {"launch facts": 0.75, "3 days after launch": 2.2}  # sd of the log-odds
# error in points, week in which it begins, weeks watched
CASES = ((0, 0, 104), (2, 0, 104), (5, 0, 104), (10, 0, 52), (10, 52, 104))
DRIFT = MODELS["project_success"].drift


def named(spread: float, points: float, onset: int, weeks: int, seed: int) -> tuple[int, bool]:
    """Draws one replay; returns the first week of a level alert after the onset and any alert."""
    rng = np.random.default_rng((SEED, seed))
    odds = special.logit(0.3) + spread * rng.normal(size=weeks * A_WEEK)
    shift = optimize.brentq(
        lambda by: special.expit(odds + by).mean() - special.expit(odds).mean() - points / 100,
        -9,
        9,
    )
    is_late = np.arange(len(odds)) >= onset * A_WEEK
    outcome = rng.random(len(odds)) < special.expit(odds + shift * is_late)
    known_at = np.datetime64(START, "us") + np.arange(len(odds)) // A_WEEK * np.timedelta64(7, "D")
    one = Outcomes("d3", special.expit(odds), outcome.astype(float), known_at)
    ends = range(A_WEEK, len(odds) + 1, A_WEEK)
    limit = -np.log(DRIFT.outcome_significance)
    evident = [week for week, each in enumerate(evidence(one, ends)) if each.log_wealth >= limit]
    if not evident:
        return weeks, False
    days = [START + timedelta(weeks=week) for week in range(weeks)]
    watch, any_alert = OutcomeWatch(DRIFT, one, days), False
    for week in evident:
        alerts = {each.feature for each in watch.findings(days[week]) if each.is_alert}
        any_alert |= bool(alerts)
        if LEVEL in alerts and week >= onset:
            return week + 1 - onset, True
    return weeks, any_alert


def table() -> Iterator[str]:
    """One row per spread and case."""
    yield (
        "| predicted by | level off by | from week | any alert |"
        " weeks to a level alert: median, mean | within 13 |"
    )
    yield "|---|---|---|---|---|---|"
    for name, spread in SPREADS.items():
        for points, onset, weeks in CASES:
            found = [named(spread, points, onset, weeks, seed) for seed in range(REPLAYS)]
            delays = np.array([delay for delay, _ in found])
            share = float(np.mean([is_any for _, is_any in found]))
            cells = [name, f"{points} points", str(onset), percent(share, REPLAYS)]
            if points == 10:
                error = delays.std() / np.sqrt(REPLAYS)
                cells += [f"{np.median(delays):.0f}, {delays.mean():.1f} ± {error:.1f}"]
                cells += [percent(float((delays <= 13).mean()), REPLAYS)]
            else:
                cells += ["-", "-"]
            yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measures, then rewrites the section of docs/monitoring.md."""
    text = "\n".join(table())
    print(text)
    MONITORING.write_text(write_section(MONITORING.read_text(), "outcomes", text))


if __name__ == "__main__":
    main()
