"""The result of each look: figures, intervals that hold over all looks, and the decision."""

from datetime import datetime
from typing import NamedTuple

from scipy.special import ndtri

from ml.experiments.analysis import METRICS, PRIMARY, SECONDARY, Effect, Metric, adjusted
from ml.experiments.designs import Design
from ml.experiments.exposures import Look
from ml.experiments.testing import SampleRatio, Test, conditional_power, run_tests, sample_ratios
from ml.experiments.verdicts import GO_ON, Verdict, decide

_Z95 = float(-ndtri(0.025))


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
    window_days: int | None = None
    first_window_closes_at: datetime | None = None
    missing_reason: str | None = None
    decision: str = GO_ON
    reason: str = ""


def read(design: Design, looks: list[Look]) -> list[Reading]:
    """Returns the rows of all treatment arms, looks and metrics.

    What a row says depends on nothing after its look. Tests end with the look at which all planned
    information is there; estimates go on until the whole registered population is in them.
    """
    return [row for arm in design.treatments for row in _read_arm(design, arm, looks)]


def _read_arm(design: Design, arm: str, looks: list[Look]) -> list[Reading]:
    tests = {
        metric: run_tests(design, arm, looks, metric)
        for metric in METRICS
        if metric.role == PRIMARY
    }
    [primary] = tests.values()
    for metric in METRICS[1:]:
        tests[metric] = run_tests(design, arm, looks, metric, primary)
    ratios = sample_ratios(design, arm, looks)
    rows: list[Reading] = []
    kept: Verdict | None = None
    has_crossed = False
    for place, (look, ratio) in enumerate(zip(looks, ratios, strict=True)):
        test = primary[place]
        found = decide(design, look, test, ratio, arm)
        verdict = _settle(look, found, kept, ratio)
        if found is not None and test.fraction is not None and not ratio.is_broken:
            kept = kept if kept and kept.is_final else found.at(look)
        if design.plan and verdict.decision == GO_ON and look.number == design.look_count:
            over = "; the registered run is over: prolong it, or stop without a decision"
            verdict = verdict._replace(reason=verdict.reason + over)
        has_crossed |= test.crossed != 0
        at_look = {metric: series[place] for metric, series in tests.items()}
        rows += _rows(design, arm, look, at_look, ratio, has_crossed, verdict)
    return rows


def _settle(look: Look, found: Verdict | None, kept: Verdict | None, ratio: SampleRatio) -> Verdict:
    """Returns what was found, unless an earlier look settled it or nothing is new."""
    if found is not None and (ratio.is_broken or kept is None or not kept.is_final):
        return found
    assert kept is not None, f"look {look.number} was not tested, nor any before it"
    return kept


def _rows(
    design: Design,
    arm: str,
    look: Look,
    tests: dict[Metric, Test],
    ratio: SampleRatio,
    has_crossed: bool,
    verdict: Verdict,
) -> list[Reading]:
    """Returns one row per metric; a secondary one claims nothing before the primary has."""
    p_values = {
        metric.name: test.effect.p_value
        for metric, test in tests.items()
        if test.effect is not None and metric.role in (PRIMARY, SECONDARY)
    }
    holm = adjusted(p_values)
    # before the first window is over there is only the sample ratio
    is_early = not any(each.count for each in look.sums.values())
    found = []
    for metric, test in tests.items():
        if is_early and metric.role != PRIMARY:
            continue
        is_open = metric.role != SECONDARY or has_crossed
        row = _counts(design, arm, look, metric, ratio)._replace(
            adjusted_p_value=holm.get(metric.name),
            information_fraction=test.fraction,
            alpha_spent=test.spent,
            boundary=test.critical,
            is_significant=is_open and test.crossed != 0,
            conditional_power=conditional_power(design, test) if metric.role == PRIMARY else None,
            missing_reason=test.missing,
            decision=verdict.decision,
            reason=verdict.reason,
        )
        found.append(row if test.effect is None else _with_effect(row, test.effect, test.critical))
    return found


def _counts(design: Design, arm: str, look: Look, metric: Metric, ratio: SampleRatio) -> Reading:
    """Returns the row without any test: what was counted by the look, and the sample ratio."""
    return Reading(
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
        control_exposed_count=look.exposed[design.control],
        treatment_exposed_count=look.exposed[arm],
        sample_ratio_p_value=ratio.p_value,
        sample_ratio_threshold=ratio.threshold,
        is_sample_ratio_broken=ratio.is_broken,
        window_days=design.window_days,
        first_window_closes_at=look.first_closes_at,
    )


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
