"""Which looks at an arm are tested, and against which boundaries."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import chi2_contingency

from ml.experiments import sequential
from ml.experiments.analysis import METRICS, Effect, Metric, compare, sample_ratio_p_value
from ml.experiments.designs import Design
from ml.experiments.exposures import Look

MIN_GROWTH = 1.01  # of information: with less than 1 % more, a look is not tested again
_MIN_NEW_BACKERS = 50  # between two looks, before their shares are compared with others
ENOUGH = 0.99  # of the planned information: the look that has it is the last and spends the rest


class Test(NamedTuple):
    """One metric at one look: the effect, and the boundary if it was tested.

    `missing` says why figures of the effect, or all of it, could not be computed.
    """

    effect: Effect | None
    missing: str | None = None
    fraction: float | None = None
    spent: float | None = None
    critical: float | None = None

    @property
    def crossed(self) -> int:
        """1 above the upper boundary, -1 below the lower one, else 0."""
        if self.effect is None or self.critical is None or abs(self.effect.z) < self.critical:
            return 0
        return 1 if self.effect.z > 0 else -1


class Progress(NamedTuple):
    """How much of the registered run is over at a look.

    Attributes:
        entry_days: Days of entry whose windows are over.
        population_share: Share of the registered population whose windows are over.
        is_enough: Whether that is the minimum run.
    """

    entry_days: int
    population_share: float
    is_enough: bool


class SampleRatio(NamedTuple):
    """Whether the arms are as uneven as chance makes them, over all looks so far.

    Without a design there is a p-value against equal shares, and nothing follows from it: no one
    said that the arms were to be equal. Whatever the shares, they must not change on the way.

    Attributes:
        p_value: Against the shares of the design, or equal ones.
        threshold: What the p-value is compared with; None where it is not.
        is_broken: Whether it fell below at this look or before.
        change_p_value: Of shares that stay the same from look to look; exploratory ones only.
    """

    p_value: float | None = None
    threshold: float | None = None
    is_broken: bool = False
    change_p_value: float | None = None


def progress(design: Design, look: Look) -> Progress:
    """Compares a look with the minimum run; an exploratory experiment has none.

    While backers still enter, the rest of the population is expected at the daily mean so far. New
    ones become fewer by the day, so this counts too many rather than too few.
    """
    entered_days = min(look.number * design.look_days, design.enrol_days)
    population = sum(look.exposed.values()) * design.enrol_days / entered_days
    closed = sum(each.count for each in look.sums.values())
    days, share = design.closed_entry_days(look.number), closed / population if population else 0.0
    plan = design.plan
    is_enough = plan is None or (
        days >= design.min_entry_days and share >= plan.min_population_share
    )
    return Progress(days, share, is_enough)


def run_tests(
    design: Design,
    arm: str,
    looks: list[Look],
    metric: Metric,
    primary: list[Test] | None = None,
) -> list[Test]:
    """Tests a metric at every look after the minimum run that has enough, and enough new.

    The primary metric spends by its own share of the planned information. The others spend at the
    same pace, their alpha divided by the number of metrics in their role.
    """
    compared = [compare(metric, look.sums[design.control], look.sums[arm]) for look in looks]
    found = [Test(each.effect, each.missing) for each in compared]
    if design.plan is None:
        return found
    planned = planned_information(design)
    tested: list[int] = []
    information: list[float] = []
    fractions: list[float] = []
    for place, (look, (each, _)) in enumerate(zip(looks, compared, strict=True)):
        smaller = min(look.sums[design.control].count, look.sums[arm].count)
        if each is None or smaller < design.min_backers or not progress(design, look).is_enough:
            continue
        fraction = each.error**-2 / planned if primary is None else primary[place].fraction
        if fraction is None:
            continue
        if information and each.error**-2 < MIN_GROWTH * information[-1]:
            continue
        tested.append(place)
        information.append(each.error**-2)
        fractions.append(1.0 if fraction >= ENOUGH else fraction)
        if fraction >= ENOUGH:
            break
    family = sum(other.role == metric.role for other in METRICS) * len(design.treatments)
    spent = sequential.obrien_fleming_spending(fractions, design.alpha / family)
    critical = sequential.boundaries(information, spent)
    for order, place in enumerate(tested):
        found[place] = found[place]._replace(
            fraction=fractions[order],
            spent=float(spent[order]),
            critical=float(critical[order]) if np.isfinite(critical[order]) else None,
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


def sample_ratios(design: Design, arm: str, looks: list[Look]) -> list[SampleRatio]:
    """Checks the numbers of backers at every look; the error spent grows evenly with the looks.

    Once broken is broken for good: later backers do not mend the earlier ones.
    """
    if design.plan is None:
        return [
            SampleRatio(
                sample_ratio_p_value(look.exposed, design.arms, arm),
                change_p_value=_change_p_value(design.control, arm, looks[: place + 1]),
            )
            if look.exposed[design.control] + look.exposed[arm]
            else SampleRatio()
            for place, look in enumerate(looks)
        ]
    alpha = design.plan.sample_ratio_alpha / len(design.treatments)
    counts = [look.exposed[design.control] + look.exposed[arm] for look in looks]
    tested: list[int] = []
    for place, count in enumerate(counts):
        if count and (not tested or count >= MIN_GROWTH * counts[tested[-1]]):
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


def _change_p_value(control: str, arm: str, looks: list[Look]) -> float | None:
    """Compares the shares of those first seen between looks; None while there are too few."""
    seen = np.array([[look.exposed[control], look.exposed[arm]] for look in looks])
    new = np.diff(seen, axis=0, prepend=0)
    new = new[new.sum(axis=1) >= _MIN_NEW_BACKERS]
    if len(new) < 2 or not new.sum(axis=0).all():
        return None
    return float(chi2_contingency(new, correction=False).pvalue)


def conditional_power(design: Design, test: Test) -> float | None:
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
