"""Measures the bandit and its off-policy evaluation on simulated platforms; prints one table."""

import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ml.bandit import settings
from ml.bandit.off_policy import ESTIMATORS, Log, estimate, support
from ml.bandit.policy import Knowledge, choose, epsilon, shares
from ml.bandit.settings import Rules
from ml.bandit.thompson import best_probabilities

Floats = npt.NDArray[np.float64]

MEANS = np.array([0.72, 0.66, 0.60, 0.55])
DELAY, BATCH, HORIZON, RUNS = 500, 50, 20_000, 320
PLAYED = 200  # decisions of the two-armed game that dynamic programming can solve
OPTIMUM = 2.2393
LOGS, LOGGED = 5_000, 2_000
CANDIDATES = {
    **{f"always arm {arm + 1}": np.eye(4)[arm] for arm in range(4)},
    "equal shares": np.full(4, 0.25),
    "a mixture": np.array([0.6, 0.3, 0.08, 0.02]),
}
SETTINGS = settings.load(settings.DEFAULT_PATH)
RULES, MIN_PROPENSITY = SETTINGS.rules, SETTINGS.min_propensity


class Figure(NamedTuple):
    """One measured figure with its standard error, and the bound it is held against."""

    name: str
    value: float
    error: float
    low: float = -np.inf
    high: float = np.inf


def main() -> int:
    """Prints all figures; returns 1 if one of them misses its bound."""
    is_missed = False
    for part in (regret, bayes_regret, frequencies, coverage):
        started = time.perf_counter()
        for row in part(np.random.default_rng(20240101)):
            misses = not row.low <= row.value <= row.high
            is_missed |= misses
            bounds = [f">= {row.low:g}"] if np.isfinite(row.low) else []
            bounds += [f"<= {row.high:g}"] if np.isfinite(row.high) else []
            wanted = f" ({' and '.join(bounds)}{': MISSED' if misses else ''})" if bounds else ""
            print(f"{row.name:<66} {row.value:9.4f} +- {row.error:.4f}{wanted}", flush=True)
        print(f"{'':<66} {time.perf_counter() - started:9.1f} s\n")
    return int(is_missed)


def regret(rng: np.random.Generator) -> Iterator[Figure]:
    """Regret of a delayed, batched platform; C is Lai and Robbins' (1985) constant."""
    best = MEANS.max()
    gaps = best - MEANS
    divergence = MEANS * np.log(MEANS / best)
    divergence += (1 - MEANS) * np.log((1 - MEANS) / (1 - best))
    constant = (gaps[gaps > 0] / divergence[gaps > 0]).sum()
    yield Figure("C = sum of gap / KL(arm, best), Lai and Robbins", float(constant), 0)
    logarithmic = RULES._replace(floor=0.0)
    exact, sampled = play(rng, logarithmic), play_sampled(rng, 0.5, 0.0)
    slope = (exact[1] - exact[0]) / (constant * np.log(2))
    yield mean("slope (R(2T) - R(T)) / (C ln 2) at T = 10,000", slope, high=1.0)
    yield mean("R(10,000), eps = 0.5/t, exact shares, cap and hold", exact[0], high=100)
    yield mean("R(10,000), the same by drawing, without cap and hold", sampled[0])
    yield mean("R(10,000), constant eps = 0.1", play_sampled(rng, 0.1, 0.1)[0])
    floored = play(rng, RULES)
    for place, horizon in enumerate((HORIZON // 2, HORIZON)):
        name = f"price of min_propensity = {MIN_PROPENSITY:g} until {horizon:,}, measured"
        yield difference(name, floored[place], exact[place])
        extra = np.maximum(RULES.floor - 0.5 / np.arange(1, horizon + 1), 0).sum() * gaps.mean()
        yield Figure("  at most, by formula: chance added x mean gap", extra, 0)


def play(rng: np.random.Generator, rules: Rules) -> Floats:
    """Plays the product's own rule; returns the regret at half time and in the end, by run."""
    good, bad = np.zeros((2, RUNS, 4))
    waiting: list[tuple[Floats, Floats]] = []
    lost, half = np.zeros(RUNS), np.zeros(RUNS)
    for begin in range(0, HORIZON, BATCH):
        if begin == HORIZON // 2:
            half = lost.copy()
        known = Knowledge(
            alpha=1 + good,
            beta=1 + bad,
            reward_count=(good + bad).astype(np.int64),
            decision_number=np.full(RUNS, begin + 1),
            is_stale=np.zeros(RUNS, dtype=np.bool_),
        )
        propensity = np.repeat(shares(known, rules).propensity, BATCH, axis=0)
        arm = choose(propensity, rng.random(RUNS * BATCH)).reshape(RUNS, BATCH)
        waiting.append(rewards(rng, arm))
        lost += (MEANS.max() - MEANS[arm]).sum(axis=1)
        if len(waiting) > DELAY // BATCH:
            won, missed = waiting.pop(0)
            good, bad = good + won, bad + missed
    return np.stack([half, lost])


def play_sampled(rng: np.random.Generator, constant: float, floor: float) -> Floats:
    """Plays by drawing from the posteriors, decision by decision; returns like `play`."""
    good, bad = np.zeros((2, RUNS, 4))
    waiting: list[tuple[Floats, Floats]] = []
    lost, half = np.zeros(RUNS), np.zeros(RUNS)
    for begin in range(0, HORIZON, BATCH):
        if begin == HORIZON // 2:
            half = lost.copy()
        chance = epsilon(np.array([begin + 1]), constant=constant, floor=floor)
        drawn = rng.beta(1 + good[:, None], 1 + bad[:, None], (RUNS, BATCH, 4)).argmax(axis=2)
        is_uniform = rng.random((RUNS, BATCH)) < chance
        arm = np.where(is_uniform, rng.integers(0, 4, (RUNS, BATCH)), drawn)
        waiting.append(rewards(rng, arm))
        lost += (MEANS.max() - MEANS[arm]).sum(axis=1)
        if len(waiting) > DELAY // BATCH:
            won, missed = waiting.pop(0)
            good, bad = good + won, bad + missed
    return np.stack([half, lost])


def rewards(rng: np.random.Generator, arm: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Draws rewards; returns successes and failures by arm, shape (runs, arms)."""
    won = rng.random(arm.shape) < MEANS[arm]
    is_arm = arm[:, :, None] == np.arange(4)
    return (is_arm & won[:, :, None]).sum(axis=1), (is_arm & ~won[:, :, None]).sum(axis=1)


def bayes_regret(rng: np.random.Generator, runs: int = 40_000) -> Iterator[Figure]:
    """Two arms with uniform priors, every answer at once, beside the exact optimum."""
    optimum = 2 / 3 * PLAYED - best_total(PLAYED)
    yield Figure(
        f"two arms, T = {PLAYED}: Bayes regret of the optimum (dynamic programming)",
        *(optimum, 0, OPTIMUM - 5e-5, OPTIMUM + 5e-5),
    )
    means, rows = rng.random((runs, 2)), np.arange(runs)
    good, bad = np.ones((2, runs, 2))
    lost = np.zeros(runs)
    for number in range(1, PLAYED + 1):
        chance = epsilon(np.array([number]), constant=0.5, floor=0.0)
        drawn = rng.beta(good, bad).argmax(axis=1)
        arm = np.where(rng.random(runs) < chance, rng.integers(0, 2, runs), drawn)
        won = rng.random(runs) < means[rows, arm]
        good[rows, arm] += won
        bad[rows, arm] += ~won
        lost += means.max(axis=1) - means[rows, arm]
    found = mean("Bayes regret with eps = 0.5/t", lost)
    yield found
    yield Figure(
        "the same, times the optimum", found.value / optimum, found.error / optimum, high=1.7
    )


def best_total(horizon: int) -> float:
    """Returns what the best strategy for two Bernoulli arms with uniform priors earns.

    Backward induction over (pulls of arm 1, its successes, successes of arm 2).
    """
    later = np.zeros((horizon + 1,) * 3)
    for played in range(horizon - 1, -1, -1):
        pulls, first, second = np.ogrid[: played + 1, : played + 1, : played + 1]
        one = (first + 1) / (pulls + 2)
        two = (second + 1) / (played - pulls + 2)
        n = played + 1
        stay, win = later[1 : n + 1, :n, :n], later[1 : n + 1, 1 : n + 1, :n]
        other, other_win = later[:n, :n, :n], later[:n, :n, 1 : n + 1]
        with np.errstate(invalid="ignore"):
            later = np.maximum(
                one * (1 + win) + (1 - one) * stay, two * (1 + other_win) + (1 - two) * other
            )
    return float(later[0, 0, 0])


def frequencies(rng: np.random.Generator, draws: int = 100_000) -> Iterator[Figure]:
    """Exact shares against how often they win when posteriors are drawn."""
    posteriors = {
        "Jeffreys": ([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]),
        "few": ([3.4, 1.2, 5.1, 2.0], [2.1, 2.5, 3.3, 0.7]),
        "narrow beside wide": ([6500.0, 12.0, 40.0, 0.5], [2500.0, 6.0, 21.0, 0.5]),
    }
    for name, (alpha, beta) in posteriors.items():
        exact = best_probabilities(np.array([alpha]), np.array([beta]))[0]
        won = np.bincount(rng.beta(alpha, beta, (draws, 4)).argmax(axis=1), minlength=4)
        p_value = stats.chisquare(won, exact * draws).pvalue
        yield Figure(f"chi-square p of {draws:,} draws, {name} posteriors", p_value, 0, low=0.001)


def coverage(rng: np.random.Generator) -> Iterator[Figure]:
    """Share of 95 % intervals that hold the truth, on logs with just the support required."""
    for logging in ("fixed", "greedy", "thompson"):
        hits: dict[str, list[Floats]] = {}
        widest = np.inf
        for _ in range(LOGS // 500):
            log = simulate_log(rng, 500, logging)
            for name, policy in CANDIDATES.items():
                whole = np.broadcast_to(policy, log.propensity.shape)
                worth = support(log, whole)
                is_enough = (worth.min_propensity >= MIN_PROPENSITY - 1e-12) & (
                    worth.effective_size >= 50
                )
                widest = min(widest, float(is_enough.mean()))
                for estimator, found in estimate(log, whole).items():
                    truth = policy @ MEANS
                    hit = (found.ci_low <= truth) & (truth <= found.ci_high)
                    hits.setdefault(estimator, []).append(hit[is_enough])
                    hits.setdefault(f"{estimator}, {name}", []).append(hit[is_enough])
        for estimator in ESTIMATORS:
            # scores without a guess are not normal on a log that learns: bounded as a whole only
            bounds = (0.94, 0.96) if estimator == "doubly_robust" else (-np.inf, np.inf)
            cells = [
                mean(f"  least or most: {key}", np.concatenate(value))._replace(
                    low=bounds[0], high=bounds[1]
                )
                for key, value in hits.items()
                if key.startswith(f"{estimator}, ")
            ]
            pooled = np.concatenate(hits[estimator])
            name = f"coverage, {logging} log, {estimator}, all candidates"
            yield Figure(name, float(pooled.mean()), cells[0].error, low=0.94, high=0.96)
            yield min(cells, key=lambda cell: cell.value)
            yield max(cells, key=lambda cell: cell.value)
        yield Figure(f"smallest share of {logging} logs with the support", widest, 0)


def simulate_log(rng: np.random.Generator, logs: int, logging: str) -> Log:
    """Draws logs whose policy learns (or not) from batch to batch, never below MIN_PROPENSITY."""
    good, bad = np.ones((2, logs, 4))
    parts: list[tuple[Floats, ...]] = []
    batch = 200
    for _ in range(LOGGED // batch):
        guess = good / (good + bad)
        if logging == "thompson":
            wanted = best_probabilities(good, bad)
        elif logging == "greedy":
            wanted = np.eye(4)[guess.argmax(axis=1)]
        else:
            wanted = np.tile(np.eye(4)[0], (logs, 1))
        propensity = MIN_PROPENSITY + (1 - 4 * MIN_PROPENSITY) * wanted
        each = np.repeat(propensity, batch, axis=0)
        arm = choose(each, rng.random(logs * batch)).reshape(logs, batch)
        won = rng.random(arm.shape) < MEANS[arm]
        is_arm = arm[:, :, None] == np.arange(4)
        shape = (logs, batch, 4)
        parts.append((arm, won * 1.0, each.reshape(shape), np.repeat(guess[:, None], batch, 1)))
        good = good + (is_arm & won[:, :, None]).sum(axis=1)
        bad = bad + (is_arm & ~won[:, :, None]).sum(axis=1)
    return Log(*(np.concatenate(column, axis=1) for column in zip(*parts, strict=True)))


def mean(name: str, values: Floats, *, high: float = np.inf) -> Figure:
    """The mean of independent values with its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return Figure(name, float(values.mean()), float(error), high=high)


def difference(name: str, first: Floats, second: Floats) -> Figure:
    """The difference of the means of two independent samples."""
    error = np.hypot(*(each.std(ddof=1) / np.sqrt(len(each)) for each in (first, second)))
    return Figure(name, float(first.mean() - second.mean()), float(error))


if __name__ == "__main__":
    sys.exit(main())
