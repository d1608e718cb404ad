"""Effects at one look, by tea-tasting from exact sums: difference, lift, intervals, CUPED."""

from math import exp, isfinite, log
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from tea_tasting.aggr import Aggregates
from tea_tasting.experiment import ExperimentResult
from tea_tasting.metrics import RatioOfMeans, SampleRatio
from tea_tasting.metrics.mean import MeanResult
from tea_tasting.multiplicity import adjust_fwer

from ml.experiments.exposures import Sums

PRIMARY, SECONDARY, INTERFERENCE = "primary", "secondary", "interference"
_Z95 = float(-ndtri(0.025))
_CENTS = 100
_LEAST_ERROR = 1e-9  # of the value: less is the rounding of a variance of zero
_MOST_LOG = 700.0  # exp of more overflows


class Metric(NamedTuple):
    """A ratio of two sums over backers; backers are independent, their views are not.

    Attributes:
        name: As in the tables.
        role: PRIMARY decides; SECONDARY explains; INTERFERENCE tells what is taken from elsewhere.
        numerator: Column of the sums.
        denominator: Column of the sums; None counts backers.
        is_money: Whether the numerator is in cents.
    """

    name: str
    role: str
    numerator: str
    denominator: str | None
    is_money: bool = True


METRICS = (
    Metric("conversion_ratio", PRIMARY, "conversions", "views", is_money=False),
    Metric("average_pledge_amount", SECONDARY, "amount", "conversions"),
    Metric("amount_per_view", SECONDARY, "amount", "views"),
    Metric("highlighted_amount_per_backer", INTERFERENCE, "shown", None),
    Metric("elsewhere_amount_per_backer", INTERFERENCE, "elsewhere", None),
    Metric("net_amount_per_backer", INTERFERENCE, "net", None),
)


class Effect(NamedTuple):
    """Treatment against control in one metric.

    Attributes:
        control: Value in the control arm; money in units, not cents.
        treatment: Value in the treatment arm.
        difference: Treatment less control.
        error: Its standard error, clustered by backer.
        lift: Treatment over control, less 1.
        log_error: Standard error of log(1 + lift); None where that is not defined.
        p_value: Two-sided, of one look alone.
        cuped_difference: The difference less what spending before the first view explains; None
            if that explains everything.
        cuped_error: Its standard error.
    """

    control: float
    treatment: float
    difference: float
    error: float
    lift: float | None
    log_error: float | None
    p_value: float
    cuped_difference: float | None
    cuped_error: float | None

    @property
    def z(self) -> float:
        """The test statistic."""
        return self.difference / self.error

    def interval(self, critical: float) -> tuple[float, float]:
        """Returns the interval of the difference that lies `critical` standard errors wide."""
        return (
            self.difference - critical * self.error,
            self.difference + critical * self.error,
        )

    def lift_interval(self, critical: float) -> tuple[float | None, float | None]:
        """Returns the interval of the lift, on the scale of logarithms."""
        if self.lift is None or self.log_error is None:
            return None, None
        low, high = (log(1 + self.lift) + side * critical * self.log_error for side in (-1, 1))
        return exp(low) - 1, exp(min(high, _MOST_LOG)) - 1


def effect(metric: Metric, control: Sums, treatment: Sums) -> Effect | None:
    """Compares two arms; None where an arm is too empty or nothing varies."""
    for arm in (control, treatment):
        if arm.count < 2 or (metric.denominator and not arm.total(metric.denominator)):
            return None
    columns = tuple(filter(None, (metric.numerator, metric.denominator, "pre")))
    pair = control.aggregates(columns), treatment.aggregates(columns)
    plain = _analyze(metric, None, *pair)
    if plain is None:
        return None
    cuped = _analyze(metric, "pre", *pair)
    unit = _CENTS if metric.is_money else 1
    is_ratio = plain.control > 0 and plain.treatment > 0
    return Effect(
        control=float(plain.control) / unit,
        treatment=float(plain.treatment) / unit,
        difference=float(plain.effect_size) / unit,
        error=_error(plain) / unit,
        lift=float(plain.rel_effect_size) if plain.control > 0 else None,
        log_error=_log_error(plain) if is_ratio else None,
        p_value=plain.pvalue,
        cuped_difference=float(cuped.effect_size) / unit if cuped else None,
        cuped_error=_error(cuped) / unit if cuped else None,
    )


def _analyze(
    metric: Metric, covariate: str | None, control: Aggregates, treatment: Aggregates
) -> MeanResult | None:
    """Returns what tea-tasting finds; None where nothing varies, but for the rounding of sums."""
    analysis = RatioOfMeans(
        metric.numerator,
        metric.denominator,
        covariate,
        use_t=False,
        equal_var=False,
        confidence_level=0.95,
    )
    try:
        # an arm without a single conversion has no lift, which is dealt with by the caller
        with np.errstate(all="ignore"):
            found = analysis.analyze_aggregates(control, treatment)
    except ValueError:  # the root of a variance that rounding left below zero
        return None
    least = _LEAST_ERROR * max(abs(found.control), abs(found.treatment))
    return found if isfinite(_error(found)) and _error(found) > least else None


def _error(result: MeanResult) -> float:
    return float(result.effect_size_ci_upper - result.effect_size_ci_lower) / (2 * _Z95)


def _log_error(result: MeanResult) -> float:
    upper, lower = 1 + result.rel_effect_size_ci_upper, 1 + result.rel_effect_size_ci_lower
    return log(upper / lower) / (2 * _Z95)


def adjusted(p_values: dict[str, float]) -> dict[str, float]:
    """Returns p-values adjusted over metrics after Holm, whatever their dependence."""
    if not p_values:
        return {}
    family = ExperimentResult({name: {"pvalue": value} for name, value in p_values.items()})
    found = adjust_fwer(family, arbitrary_dependence=True, method="bonferroni")
    return {row["metric"]: row["pvalue_adj"] for row in found.to_dicts()}


def sample_ratio_p_value(exposed: dict[str, int], weights: dict[str, int], arm: str) -> float:
    """Returns the exact chance of arms as uneven as these, arm against control (the first)."""
    control = next(iter(weights))
    counts = {name: Aggregates(count_=exposed[name]) for name in (control, arm)}
    ratio = weights[arm] / weights[control]
    return float(SampleRatio(ratio, method="binom").analyze(counts, control, arm).pvalue)
