"""What each look says: intervals that hold over all looks, and what to do next, with the reason."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from ml.experiments import sequential
from ml.experiments.analysis import (
    METRICS,
    PRIMARY,
    SECONDARY,
    Effect,
    Metric,
    adjusted,
    effect,
    sample_ratio_p_value,
)
from ml.experiments.designs import Design, Plan
from ml.experiments.exposures import Look

SHIP, NO_EFFECT, GO_ON, REPAIR = "stop, ship", "stop, no effect", "go on", "stop, repair"

_Z95 = float(-ndtri(0.025))
LEAST_GROWTH = 1.01  # of information: less than a hundredth more is not worth a look
ENOUGH = 0.99  # of the planned information: the look that has it is the last and spends the rest


class Reading(NamedTuple):
    """One row of the result: an arm, a metric, a look. None where something is not defined."""

    experiment: str
    is_exploratory: bool
    hypothesis: str | None
    control: str | None
    treatment: str | None
    metric: str
    metric_role: str
    look_number: int
    look_at: datetime
    control_backer_count: int | None = None
    treatment_backer_count: int | None = None
    control_view_count: int | None = None
    treatment_view_count: int | None = None
    control_value: float | None = None
    treatment_value: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    repeated_difference_low: float | None = None
    repeated_difference_high: float | None = None
    lift_ratio: float | None = None
    lift_ratio_low: float | None = None
    lift_ratio_high: float | None = None
    repeated_lift_ratio_low: float | None = None
    repeated_lift_ratio_high: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    cuped_difference: float | None = None
    cuped_difference_low: float | None = None
    cuped_difference_high: float | None = None
    cuped_variance_ratio: float | None = None
    information: float | None = None
    information_fraction: float | None = None
    alpha_spent: float | None = None
    boundary: float | None = None
    is_significant: bool = False
    conditional_power: float | None = None
    control_exposed_count: int | None = None
    treatment_exposed_count: int | None = None
    sample_ratio_p_value: float | None = None
    sample_ratio_threshold: float | None = None
    is_sample_ratio_broken: bool = False
    decision: str = GO_ON
    reason: str = ""


class Test(NamedTuple):
    """One metric at one look: the effect, and the boundary if it was tested."""

    effect: Effect | None
    fraction: float | None = None
    spent: float | None = None
    critical: float | None = None

    @property
    def crossed(self) -> int:
        """1 above the upper boundary, -1 below the lower one, else 0."""
        if self.effect is None or self.critical is None or abs(self.effect.z) < self.critical:
            return 0
        return 1 if self.effect.z > 0 else -1


class SampleRatio(NamedTuple):
    """Whether the arms are as uneven as chance makes them, over all looks so far."""

    p_value: float | None = None
    threshold: float | None = None
    is_broken: bool = False


def read(design: Design, looks: list[Look]) -> list[Reading]:
    """Returns the rows of all treatment arms, looks and metrics.

    What a row says depends on nothing after its look. The sequence ends with the look at which all
    planned information is there.
    """
    return [row for arm in design.treatments for row in _read_arm(design, arm, looks)]


def _read_arm(design: Design, arm: str, looks: list[Look]) -> list[Reading]:
    tests = {
        metric: _tests(design, arm, looks, metric) for metric in METRICS if metric.role == PRIMARY
    }
    [primary] = tests.values()
    for metric in METRICS[1:]:
        tests[metric] = _tests(design, arm, looks, metric, primary)
    ratios = _sample_ratios(design, arm, looks)
    rows: list[Reading] = []
    stopped: tuple[str, str] | None = None
    has_crossed = False
    for place, (look, ratio) in enumerate(zip(looks, ratios, strict=True)):
        test = primary[place]
        decision, reason, is_for_good = _decide(design, look, test, ratio, arm)
        if stopped and not ratio.is_broken:
            decision, reason = stopped
        elif is_for_good:
            stopped = (
                decision,
                f"decided at look {look.number}, {look.look_at:%Y-%m-%d}: {reason}",
            )
        has_crossed |= test.crossed != 0
        found = {metric: series[place] for metric, series in tests.items()}
        rows += _rows(design, arm, look, found, ratio, has_crossed, (decision, reason))
        if test.fraction is not None and test.fraction >= 1:
            break
    return rows


def _tests(
    design: Design,
    arm: str,
    looks: list[Look],
    metric: Metric,
    primary: list[Test] | None = None,
) -> list[Test]:
    """Tests a metric at every look that has enough, and enough that is new.

    The primary metric spends by its own share of the planned information. The others spend at the
    same pace, their alpha divided by the number of metrics in their role.
    """
    effects = [effect(metric, look.sums[design.control], look.sums[arm]) for look in looks]
    if design.plan is None:
        return [Test(each) for each in effects]
    planned = planned_information(design)
    tested: list[int] = []
    information: list[float] = []
    fractions: list[float] = []
    for place, (look, each) in enumerate(zip(looks, effects, strict=True)):
        fewest = min(look.sums[design.control].count, look.sums[arm].count)
        if each is None or fewest < design.fewest_backers:
            continue
        fraction = each.error**-2 / planned if primary is None else primary[place].fraction
        if fraction is None:
            continue
        if information and each.error**-2 < LEAST_GROWTH * information[-1]:
            continue
        tested.append(place)
        information.append(each.error**-2)
        fractions.append(1.0 if fraction >= ENOUGH else fraction)
        if fraction >= ENOUGH:
            break
    family = sum(other.role == metric.role for other in METRICS) * len(design.treatments)
    spent = sequential.obrien_fleming_spending(fractions, design.alpha / family)
    critical = sequential.boundaries(information, spent)
    found = [Test(each) for each in effects]
    for order, place in enumerate(tested):
        found[place] = Test(
            effects[place],
            fractions[order],
            float(spent[order]),
            float(critical[order]) if np.isfinite(critical[order]) else None,
        )
    return found


def planned_information(design: Design) -> float:
    """Returns the information at which the test ends: what one look needs, times the inflation.

    Raises:
        AssertionError: The design is exploratory; nothing was planned.
    """
    plan = design.plan
    assert plan is not None
    alpha = design.alpha / len(design.treatments)
    single = float(-ndtri(alpha / 2) + ndtri(plan.power)) / (plan.base * plan.lift)
    return single**2 * sequential.inflation(design.tested_look_count, alpha=alpha, power=plan.power)


def _sample_ratios(design: Design, arm: str, looks: list[Look]) -> list[SampleRatio]:
    """Checks the numbers of backers at every look; the error spent grows evenly with the looks.

    Once broken is broken for good: later backers do not mend the earlier ones.
    """
    if design.plan is None:
        return [SampleRatio()] * len(looks)
    alpha = design.plan.sample_ratio_alpha / len(design.treatments)
    counts = [look.exposed[design.control] + look.exposed[arm] for look in looks]
    tested: list[int] = []
    for place, count in enumerate(counts):
        if count and (not tested or count >= LEAST_GROWTH * counts[tested[-1]]):
            tested.append(place)
    share = [min(1.0, looks[place].number / design.enrolling_look_count) for place in tested]
    spent = [alpha * each for each in share]
    critical = sequential.boundaries([counts[place] for place in tested], spent)
    thresholds = dict(zip(tested, 2 * ndtr(-critical), strict=True))
    found: list[SampleRatio] = []
    is_broken = False
    for place, look in enumerate(looks):
        if not counts[place]:
            found.append(SampleRatio())
            continue
        p_value = sample_ratio_p_value(look.exposed, design.arms, arm)
        threshold = float(thresholds[place]) if place in thresholds else None
        is_broken |= threshold is not None and p_value <= threshold
        found.append(SampleRatio(p_value, threshold, is_broken))
    return found


def _decide(
    design: Design, look: Look, test: Test, ratio: SampleRatio, arm: str
) -> tuple[str, str, bool]:
    """Returns the decision, its reason, and whether later looks cannot change it."""
    counts = (look.exposed[design.control], look.exposed[arm])
    if ratio.is_broken:
        return (
            REPAIR,
            (
                f"the arms are too uneven for chance ({counts[0]:,} and {counts[1]:,} backers,"
                f" p = {ratio.p_value:.1g}): find out why before reading any effect"
            ),
            False,
        )
    if test.effect is None:
        return GO_ON, _missing(look, design.control, arm), False
    plan = design.plan
    if plan is None:
        return GO_ON, "exploratory: no design was registered, so this decides nothing", False
    fewest = min(look.sums[design.control].count, look.sums[arm].count)
    if fewest < design.fewest_backers:
        return (
            GO_ON,
            (
                f"an arm has {fewest:,} backers whose window is over,"
                f" {design.fewest_backers:,} are needed"
            ),
            False,
        )
    if test.fraction is None or test.critical is None:
        return GO_ON, "too little information is new since the last look", False
    return _judge(design, plan, look, test, test.effect, test.fraction, test.critical)


def _missing(look: Look, control: str, arm: str) -> str:
    for name in (control, arm):
        if not look.exposed[name]:
            return f"arm {name} is empty: no backer was seen in it"
        if look.sums[name].count < 2:
            return f"arm {name} has no two backers whose window is over yet"
    return "nothing varies in either arm (nobody, or everybody, converted): there is no test"


def _judge(
    design: Design,
    plan: Plan,
    look: Look,
    test: Test,
    found: Effect,
    fraction: float,
    critical: float,
) -> tuple[str, str, bool]:
    low, high = found.interval(critical)
    lift = "" if found.lift is None else f" ({found.lift:+.1%})"
    words = (
        f"conversion differs by {100 * found.difference:+.2f} points{lift}, over all looks"
        f" {100 * low:+.2f} to {100 * high:+.2f}"
    )
    if test.crossed > 0:
        return SHIP, f"{words}; z = {found.z:.2f} reached {critical:.2f}", True
    if test.crossed < 0:
        return NO_EFFECT, f"harm: {words}; z = {found.z:.2f} reached -{critical:.2f}", True
    within = f"{words}; z = {found.z:.2f} is within {critical:.2f}"
    if fraction >= 1:
        return NO_EFFECT, f"{within} and all planned information is there", True
    chance = _conditional_power(design, test)
    if chance is not None and chance < plan.futility:
        return (
            NO_EFFECT,
            (
                f"{within}; the chance to still find {plan.lift:+.0%} is {chance:.1%}"
                " (advice: going on stays valid)"
            ),
            False,
        )
    over = "; the registered run is over: extend it, or stop undecided"
    end = over if look.number == design.look_count else ""
    return GO_ON, f"{within} at {fraction:.0%} of the planned information{end}", False


def _conditional_power(design: Design, test: Test) -> float | None:
    """Returns the chance to cross at the planned end if the registered lift is true from here."""
    if design.plan is None or test.effect is None or test.fraction is None or test.fraction >= 1:
        return None
    planned = planned_information(design)
    alpha = design.alpha / len(design.treatments)
    shares = np.array([test.fraction, 1.0])
    [_, last] = sequential.boundaries(shares, sequential.obrien_fleming_spending(shares, alpha))
    return sequential.conditional_power(
        test.effect.z,
        test.fraction * planned,
        planned,
        float(last),
        design.plan.base * design.plan.lift,
    )


def _rows(
    design: Design,
    arm: str,
    look: Look,
    tests: dict[Metric, Test],
    ratio: SampleRatio,
    has_crossed: bool,
    decision: tuple[str, str],
) -> list[Reading]:
    """Returns one row per metric; a secondary one claims nothing before the primary has."""
    p_values = {
        metric.name: test.effect.p_value
        for metric, test in tests.items()
        if test.effect is not None and metric.role in (PRIMARY, SECONDARY)
    }
    holm = adjusted(p_values)
    rows = []
    is_early = not any(each.count for each in look.sums.values())
    for metric, test in tests.items():
        if is_early and metric.role != PRIMARY:
            continue  # before the first window is over there is only the sample ratio
        is_open = metric.role != SECONDARY or has_crossed
        row = Reading(
            experiment=design.name,
            is_exploratory=design.plan is None,
            hypothesis=design.plan.hypothesis if design.plan else None,
            control=design.control,
            treatment=arm,
            metric=metric.name,
            metric_role=metric.role,
            look_number=look.number,
            look_at=look.look_at,
            control_backer_count=look.sums[design.control].count,
            treatment_backer_count=look.sums[arm].count,
            control_view_count=look.sums[design.control].total("views"),
            treatment_view_count=look.sums[arm].total("views"),
            adjusted_p_value=holm.get(metric.name),
            information_fraction=test.fraction,
            alpha_spent=test.spent,
            boundary=test.critical,
            is_significant=is_open and test.crossed != 0,
            conditional_power=_conditional_power(design, test) if metric.role == PRIMARY else None,
            control_exposed_count=look.exposed[design.control],
            treatment_exposed_count=look.exposed[arm],
            sample_ratio_p_value=ratio.p_value,
            sample_ratio_threshold=ratio.threshold,
            is_sample_ratio_broken=ratio.is_broken,
            decision=decision[0],
            reason=decision[1],
        )
        rows.append(row if test.effect is None else _with_effect(row, test.effect, test.critical))
    return rows


def _with_effect(row: Reading, found: Effect, critical: float | None) -> Reading:
    low, high = found.interval(_Z95)
    lift_low, lift_high = found.lift_interval(_Z95)
    repeated: tuple[float | None, ...] = (None,) * 4
    if critical is not None:
        repeated = (*found.interval(critical), *found.lift_interval(critical))
    if found.cuped_difference is not None and found.cuped_error is not None:
        spread = _Z95 * found.cuped_error
        row = row._replace(
            cuped_difference=found.cuped_difference,
            cuped_difference_low=found.cuped_difference - spread,
            cuped_difference_high=found.cuped_difference + spread,
            cuped_variance_ratio=(found.cuped_error / found.error) ** 2,
        )
    return row._replace(
        control_value=found.control,
        treatment_value=found.treatment,
        difference=found.difference,
        difference_low=low,
        difference_high=high,
        repeated_difference_low=repeated[0],
        repeated_difference_high=repeated[1],
        lift_ratio=found.lift,
        lift_ratio_low=lift_low,
        lift_ratio_high=lift_high,
        repeated_lift_ratio_low=repeated[2],
        repeated_lift_ratio_high=repeated[3],
        statistic=found.z,
        p_value=found.p_value,
        information=found.error**-2,
    )
