"""Simulated experiments with looks, judged by the rules of `ml.experiments.testing`."""

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from ml.experiments import designs, exposures, sequential, testing
from ml.experiments.analysis import METRICS
from ml.experiments.sequential import Floats
from ml.experiments.testing import ENOUGH, MIN_GROWTH

ALPHA = 0.05
LOOKS = 28
FIRST = 28  # of the registered design's looks: the one at which the minimum run is over
# backers per arm and look: the first look is the first that has enough of them
NEW_BACKERS = np.array([100] + [80] * (LOOKS - 1))
BASE = 0.05
MEAN_VIEWS = 10
# how little backers differ in their own conversion, which is Beta(BASE * this, (1 - BASE) * this)
CONCENTRATION = 40.0
BATCH = 100


class Runs(NamedTuple):
    """Simulated experiments, one per row; one column per look."""

    difference: Floats
    error: Floats  # clustered by backer
    row_error: Floats  # as if every view were independent
    sums: tuple[Floats, ...] = ()  # of both arms, as `sums_of_arm` gives them


def sums_of_arm(rng: np.random.Generator, runs: int, lift: float) -> Floats:
    """Returns (run, look, sum) of 1, v, c, vv, cc, vc over backers seen by each look."""
    shape = (runs, int(NEW_BACKERS.sum()))
    views = rng.geometric(1 / MEAN_VIEWS, shape)
    own = rng.beta(BASE * CONCENTRATION, (1 - BASE) * CONCENTRATION, shape)
    converted = rng.binomial(views, np.minimum(own * (1 + lift), 1.0))
    columns = (np.ones_like(views), views, converted, views**2, converted**2, views * converted)
    starts = np.concatenate([[0], np.cumsum(NEW_BACKERS)[:-1]])
    new = np.stack([np.add.reduceat(each, starts, axis=1) for each in columns], axis=-1)
    return np.cumsum(new, axis=1).astype(np.float64)


def true_difference(lift: float) -> float:
    """Returns the true difference of the arms, conversion being cut at 1."""
    beta = stats.beta(BASE * CONCENTRATION, (1 - BASE) * CONCENTRATION)
    edge = 1 / (1 + lift)
    below = beta.expect(lambda p: p, ub=edge)
    return float((1 + lift) * below + beta.sf(edge) - BASE)


def simulate(rng: np.random.Generator, runs: int, lift: float) -> Iterator[Runs]:
    """Yields batches of experiments, with the errors that tea-tasting would give."""
    for begin in range(0, runs, BATCH):
        count = min(BATCH, runs - begin)
        control, treatment = sums_of_arm(rng, count, 0.0), sums_of_arm(rng, count, lift)
        (rate, variance, row), (rate_2, variance_2, row_2) = map(_ratio, (control, treatment))
        error, row_error = np.sqrt(variance + variance_2), np.sqrt(row + row_2)
        yield Runs(rate_2 - rate, error, row_error, (control, treatment))


def _ratio(sums: Floats) -> tuple[Floats, Floats, Floats]:
    count, views, converted, views_2, converted_2, both = np.moveaxis(sums, -1, 0)
    rate = converted / views
    # the delta method; sums of squares less means, over count - 1
    residual = converted_2 - 2 * rate * both + rate**2 * views_2
    clustered = residual * count / (count - 1) / views**2
    return rate, clustered, rate * (1 - rate) / views


def assert_as_in_production(found: Runs, critical: Floats, planned: float) -> None:
    """Makes sure that the first experiment is judged as `ml.experiments.testing` judges it."""
    registered = designs.load().registered["highlight_projects"]
    assert registered.plan is not None
    # the lift for which this much information is planned
    lift = registered.plan.lift * sqrt(testing.planned_information(registered) / planned)
    large = replace(registered, alpha=ALPHA, plan=replace(registered.plan, lift=lift))
    looks = [
        exposures.Look(
            FIRST + number,
            large.look_at(FIRST + number),
            dict.fromkeys(large.arms, int(found.sums[0][0, number, 0])),
            {
                arm: as_sums(sums[0, number])
                for arm, sums in zip(large.arms, found.sums, strict=True)
            },
        )
        for number in range(LOOKS)
    ]
    real = testing.run_tests(large, "treatment", looks, METRICS[0])
    for number, test in enumerate(real):
        assert test.effect is not None
        np.testing.assert_allclose(test.effect.difference, found.difference[0, number], rtol=1e-9)
        np.testing.assert_allclose(test.effect.error, found.error[0, number], rtol=1e-9)
        wanted = np.inf if test.critical is None else test.critical
        np.testing.assert_allclose(wanted, critical[0, number], rtol=1e-6)


def as_sums(columns: Floats) -> exposures.Sums:
    """Returns one arm at one look as the warehouse would give it."""
    count, views, converted, views_2, converted_2, both = (int(value) for value in columns)
    totals = {"views": views, "conversions": converted}
    products = {("views", "views"): views_2, ("conversions", "conversions"): converted_2}
    products["views", "conversions"] = both
    sums = exposures.Sums()
    values = [totals.get(name, 0) for name in exposures.COLUMNS]
    sums.add(count, [*values, *(products.get(pair, 0) for pair in exposures.PAIRS)])
    return sums


def tested(information: Floats, planned: float) -> Floats:
    """Returns the boundaries, with the rules of `ml.experiments.testing`; infinite if not tested.

    A look with too little new information is skipped, the one with all of it is the last. The
    looks of each experiment that are left are moved together; what follows them spends nothing.
    """
    fraction = np.where(information >= ENOUGH * planned, 1.0, information / planned)
    is_tested = np.zeros(information.shape, dtype=bool)
    last, has_ended = np.zeros(len(information)), np.zeros(len(information), dtype=bool)
    for look in range(information.shape[1]):
        now = ~has_ended & (information[:, look] >= MIN_GROWTH * last)
        is_tested[:, look] = now
        last = np.where(now, information[:, look], last)
        has_ended |= now & (fraction[:, look] == 1)
    order = np.argsort(~is_tested, axis=1, kind="stable")
    beyond = np.arange(information.shape[1]) - is_tested.sum(axis=1, keepdims=True) + 1
    rising = np.take_along_axis(information, order, axis=1)
    rising = np.where(beyond > 0, last[:, None] * 1.1**beyond, rising)
    spent = sequential.obrien_fleming_spending(fraction, ALPHA)
    spent = np.take_along_axis(np.where(is_tested, spent, 0.0), order, axis=1)
    critical = np.full(information.shape, np.inf)
    found = sequential.boundaries(rising, np.maximum.accumulate(spent, axis=1))
    np.put_along_axis(critical, order, found, axis=1)
    return critical


class Outcome(NamedTuple):
    """One element per experiment."""

    crossed: Any
    crossed_up: Any
    stop: Any
    covered: Any
    naive_covered: Any
    estimate: Any


def stop(found: Runs, critical: Floats, truth: float) -> Outcome:
    """Stops each experiment when its boundary is reached, or at its last look."""
    z = found.difference / found.error
    crosses = np.abs(z) >= critical
    has_crossed = crosses.any(axis=1)
    last = LOOKS - 1 - np.argmax(np.isfinite(critical)[:, ::-1], axis=1)
    look = np.where(has_crossed, np.argmax(crosses, axis=1), last)
    row = np.arange(len(look))
    estimate, error = found.difference[row, look], found.error[row, look]
    width = critical[row, look] * error
    return Outcome(
        has_crossed,
        has_crossed & (z[row, look] > 0),
        look,
        np.abs(estimate - truth) <= width,
        np.abs(estimate - truth) <= 1.959964 * error,
        estimate,
    )
