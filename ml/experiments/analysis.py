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

from ml.experiments.sums import Sums

PRIMARY, SECONDARY, INTERFERENCE = "primary", "secondary", "interference"
# tea-tasting also computes an interval of the lift, by exp of its half width: at 95 % that
# overflows where CUPED moves the mean of an arm close to zero. Errors follow from any level.
_LEVEL = 0.01
_Z = float(ndtri((1 + _LEVEL) / 2))
_CENTS = 100
_MIN_ERROR = 1e-9  # of the value: less is the rounding of a variance of zero
_MAX_LOG = 700.0  # exp of more overflows


class Metric(NamedTuple):
    """A ratio of two sums over backers; backers are independent, their views are not.

    Attributes:
        name: As in the tables.
        role: PRIMARY decides; SECONDARY explains; INTERFERENCE shows spillover on
            other projects (cannibalisation).
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
        lift: Treatment over control, less 1; None where control is zero.
        log_error: Standard error of log(1 + lift); None where that is not defined.
        p_value: Two-sided, of one look alone.
        cuped_difference: The difference less what spending before the first view explains; None
            where that cannot be computed.
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
        if self.log_error is None:
            return None, None
        center, half = log(self.treatment) - log(self.control), critical * self.log_error
        low, high = (min(center + side * half, _MAX_LOG) for side in (-1, 1))
        return exp(low) - 1, exp(high) - 1


class Compared(NamedTuple):
    """What could be computed of one metric; `missing` says why the rest could not."""

    effect: Effect | None
    missing: str | None = None


def compare(metric: Metric, control: Sums, treatment: Sums) -> Compared:
    """Compares two arms. What cannot be computed is None, with the reason; it is never an error."""
    arms = {"control": control, "treatment": treatment}
    for name, arm in arms.items():
        if arm.count < 2:
            return Compared(None, f"{name} has no two backers whose window is over")
        if metric.denominator and not arm.total(metric.denominator):
            return Compared(None, f"{name} has no {metric.denominator}")
    columns = tuple(filter(None, (metric.numerator, metric.denominator, "pre")))
    pair = control.aggregates(columns), treatment.aggregates(columns)
    plain = _analyze(metric, None, *pair)
    if plain is None:
        return Compared(None, "nothing varies in either arm, so there is no standard error")
    cuped = _analyze(metric, "pre", *pair)
    unit = _CENTS if metric.is_money else 1
    lift, log_error = _lift(metric, *pair)
    missing = [
        *(["no lift: control is zero"] if lift is None else []),
        *(["no interval of the lift: an arm is zero"] if log_error is None else []),
        *(["no CUPED estimate: its standard error cannot be computed"] if cuped is None else []),
    ]
    found = Effect(
        control=float(plain.control) / unit,
        treatment=float(plain.treatment) / unit,
        difference=float(plain.effect_size) / unit,
        error=_error(plain) / unit,
        lift=lift,
        log_error=log_error,
        p_value=plain.pvalue,
        cuped_difference=float(cuped.effect_size) / unit if cuped else None,
        cuped_error=_error(cuped) / unit if cuped else None,
    )
    return Compared(found, "; ".join(missing) or None)


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
        confidence_level=_LEVEL,
    )
    try:
        # an arm without a single conversion has no lift, which is dealt with by the caller
        with np.errstate(all="ignore"):
            found = analysis.analyze_aggregates(control, treatment)
            error = _error(found)
    except (ValueError, ArithmeticError):  # such as the root of a variance rounded to below zero
        return None
    figures = (found.control, found.treatment, found.effect_size, error, found.pvalue)
    if not all(map(isfinite, figures)):
        return None
    return found if error > _MIN_ERROR * max(abs(found.control), abs(found.treatment)) else None


def _error(result: MeanResult) -> float:
    return float(result.effect_size_ci_upper - result.effect_size_ci_lower) / (2 * _Z)


def _lift(
    metric: Metric, control: Aggregates, treatment: Aggregates
) -> tuple[float | None, float | None]:
    """Returns the lift and the standard error of its logarithm (delta method).

    Not from tea-tasting's interval, which loses all digits where one arm is tiny beside the other.
    """
    values, variances = [], []
    for arm in (control, treatment):
        # the mean of a denominator of None is 1, and a constant has no variance
        values.append(arm.mean(metric.numerator) / arm.mean(metric.denominator))
        variances.append(arm.ratio_var(metric.numerator, metric.denominator) / arm.count())
    if values[0] <= 0:
        return None, None
    lift = float(values[1] / values[0] - 1)
    if values[1] <= 0:
        return lift, None
    squares = [variance / value / value for value, variance in zip(values, variances, strict=True)]
    log_error = float(np.sqrt(max(sum(squares), 0.0)))
    return lift, log_error if isfinite(log_error) else None


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
