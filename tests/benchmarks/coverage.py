"""How often the 95 % intervals of model metrics hold the truth, on simulated projects.

`python -m tests.benchmarks.coverage --sizes 60 600 4000 --repetitions 1000`. Projects of one
creator share a chance that no feature shows, a project is predicted at four times and each time
more is known, a world has one outcome per project or three of its milestones. The truth is that of
400,000 projects; that of the calibration error is taken over the very bins of each draw.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtr

from ml.modeling.calibration_curve import calibration_curve
from ml.modeling.calibration_error import bins_of
from ml.modeling.intervals import Floats
from ml.modeling.metrics import (
    ALL_KINDS,
    MONEY_METRICS,
    ScoredRows,
    difference_in_log_loss,
    measure,
)

KINDS = ("launch", "d3", "d7", "d21")
PROJECTS = 400_000
OVER_RULE = "log_loss_over_rule"
CURVE = "calibration_curve bin"


class World(NamedTuple):
    """What is predicted, and how the predictions are distorted.

    Attributes:
        known: Spread of what becomes known by each prediction time.
        threshold: Above it an outcome is positive: higher, rarer.
        slope: Of the predicted log-odds on the right ones.
        shift: Of the predicted log-odds.
        outcomes: Per project.
    """

    known: tuple[float, ...] = (0.9, 0.5, 0.5, 0.4)
    threshold: float = 0.9
    slope: float = 1.0
    shift: float = 0.0
    outcomes: int = 1
    hidden: float = 0.6
    creator: float = 0.5
    project: float = 0.0


WORLDS = {
    "calibrated": World(),
    "level too high": World(slope=1.3, shift=0.9),
    "too sure": World(slope=1.8),
    "little skill, three milestones": World(
        known=(0.3, 0.15, 0.15, 0.1), threshold=0.9, shift=0.2, outcomes=3, project=0.4
    ),
}


class Drawn(NamedTuple):
    """Rows with what a rule and a perfectly calibrated model would predict."""

    rows: ScoredRows
    rule: Floats
    right: Floats


def draw(world: World, projects: int, seed: list[int]) -> Drawn:
    """Draws projects, 1.6 per creator on average."""
    rng = np.random.default_rng(seed)
    creator = np.repeat(np.arange(projects), rng.geometric(1 / 1.6, projects))[:projects]
    count = projects * world.outcomes
    project = np.repeat(np.arange(projects), world.outcomes)
    shared = rng.normal(0, world.creator, projects)[creator] + rng.normal(
        0, world.project, projects
    )
    steps = rng.normal(size=(count, len(KINDS))) * np.array(world.known)
    seen = np.cumsum(steps, axis=1)
    coming = sum(each**2 for each in world.known) - np.cumsum(np.square(world.known))
    label = seen[:, -1] + shared[project] + rng.normal(0, world.hidden, count) > world.threshold
    rest = np.sqrt(coming + world.hidden**2)
    unknown = np.sqrt(rest**2 + world.creator**2 + world.project**2)
    right = ndtr((seen - world.threshold) / unknown)
    true = ndtr((seen + shared[project][:, None] - world.threshold) / rest)
    chance = expit(world.slope * logit(np.clip(right, 1e-6, 1 - 1e-6)) + world.shift)
    rule = np.repeat(right[:, :1], len(KINDS), axis=1)
    each = len(KINDS)
    rows = ScoredRows(
        entity_id=np.repeat(np.arange(count), each),
        project_id=np.repeat(project, each),
        creator_id=np.repeat(creator[project], each),
        snapshot_kind=np.tile(np.array(KINDS), count),
        is_decided=np.full(count * each, True),
        is_first_time=np.full(count * each, False),
        label=np.repeat(label, each),
        probability=(0.002 + 0.996 * chance).ravel(),  # no ties, so each bin has its own range
        true_probability=true.ravel(),
        amount=np.repeat(np.round(rng.lognormal(6, 1, count), 2), each),
    )
    return Drawn(rows, np.clip(rule, 0.005, 0.995).ravel(), right.ravel())


class Truth:
    """What the figures of a draw estimate."""

    def __init__(self, world: World) -> None:
        drawn = draw(world, PROJECTS, [0])
        self.values = {
            (each.snapshot_kind, each.metric): each.value for each in measure(drawn.rows)
        }
        for kind in (ALL_KINDS, "d3"):
            part, rule, right = _part(drawn, kind)
            self.values[kind, OVER_RULE] = difference_in_log_loss(part, rule).value
            order = np.argsort(part.probability)
            setattr(self, f"_{kind}", (part.probability[order], *_sums(part, right, order)))

    def bins(self, rows: ScoredRows, kind: str) -> tuple[Floats, float]:
        """Returns the observed rate of each bin of these rows, and the mean distance."""
        chance, excess, right, count = getattr(self, f"_{kind}")
        place = bins_of(rows.probability)
        lowest = [rows.probability[place == bin_].min() for bin_ in range(1, place.max() + 1)]
        ends = np.r_[0, np.searchsorted(chance, lowest), len(chance)]
        held = np.diff(count[ends])
        with np.errstate(invalid="ignore"):
            rate = np.diff(right[ends]) / held
        return rate, float(np.abs(np.diff(excess[ends])).sum() / len(chance))


def _sums(rows: ScoredRows, right: Floats, order: Floats) -> Iterator[Floats]:
    for each in (rows.probability - right, right, np.ones(len(right))):
        yield np.r_[0, np.cumsum(each[order])]


def _part(drawn: Drawn, kind: str) -> Drawn:
    mask = np.full(len(drawn.right), True)
    if kind != ALL_KINDS:
        mask = drawn.rows.snapshot_kind == kind
    return Drawn(drawn.rows.where(mask), drawn.rule[mask], drawn.right[mask])


Hit = tuple[str, str, bool | None, bool, bool]  # kind, metric, held, truth above, point outside


def hits(world: World, truth: Truth, size: int, number: int) -> Iterator[Hit]:
    """Yields for each interval of a draw whether it holds the truth; None where there is none."""
    drawn = draw(world, size, [1, size, number])
    for each in measure(drawn.rows):
        kind = each.snapshot_kind
        if kind not in (ALL_KINDS, "d3"):
            continue
        right = truth.values[kind, each.metric]
        if each.metric in MONEY_METRICS:
            right *= size / PROJECTS
        if each.metric == "calibration_error_debiased":
            right = truth.bins(_part(drawn, kind).rows, kind)[1]
        yield kind, each.metric, *_held(each.ci_low, each.ci_high, right, each.value)
    for kind in (ALL_KINDS, "d3"):
        part, rule, _ = _part(drawn, kind)
        found = difference_in_log_loss(part, rule)
        right = truth.values[kind, OVER_RULE]
        yield kind, OVER_RULE, *_held(found.low, found.high, right, found.value)
        rates, _ = truth.bins(part, kind)
        curve = [each for each in calibration_curve(part) if each.snapshot_kind == ALL_KINDS]
        for each, rate in zip(curve, rates, strict=True):
            if not np.isnan(rate):
                yield kind, CURVE, *_held(each.ci_low, each.ci_high, rate, each.observed_rate)


def _held(
    low: float | None, high: float | None, truth: float, value: float | None
) -> tuple[bool | None, bool, bool]:
    if low is None or high is None:
        return None, False, False
    return low <= truth <= high, truth > high, not low - 1e-9 <= float(value or 0) <= high + 1e-9


def main() -> None:
    """Prints a line per size, kind and metric."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coverage")
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 600, 4000])
    parser.add_argument("--repetitions", type=int, default=1000, help="of each world and size")
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    options = parser.parse_args()
    truths = {name: Truth(WORLDS[name]) for name in options.worlds}
    print("Coverage of 95 % intervals in %, +- two standard errors; by world in order of:")
    print(", ".join(options.worlds))
    for size in options.sizes:
        found: dict[tuple[str, str], dict[str, list[tuple[bool | None, bool, bool]]]]
        found = defaultdict(lambda: defaultdict(list))
        for name in options.worlds:
            for number in range(options.repetitions):
                for kind, metric, *hit in hits(WORLDS[name], truths[name], size, number):
                    found[kind, metric][name].append(tuple(hit))
        for (kind, metric), by_world in found.items():
            _show(size, kind, metric, by_world)


def _show(
    size: int, kind: str, metric: str, by_world: dict[str, list[tuple[bool | None, bool, bool]]]
) -> None:
    every = [hit for found in by_world.values() for hit in found]
    known = [hit for hit in every if hit[0] is not None]
    if not known:
        return
    shares = []
    for found in by_world.values():
        defined = [held for held, *_ in found if held is not None]
        shares.append(f"{100 * np.mean(defined):5.1f}" if defined else "    -")
    held, above, outside = (100 * np.mean([hit[place] for hit in known]) for place in range(3))
    error = 200 * np.sqrt(held / 100 * (1 - held / 100) / len(known))
    print(
        f"n={size:<5} {kind:4} {metric:29} {held:5.1f} +- {error:.1f} | {' '.join(shares)}"
        f" | truth above {above:4.1f} | own point outside {outside:.1f}"
        f" | no interval {100 * (1 - len(known) / len(every)):.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
