"""`python -m ml.experiments.design`: the size of an experiment, and what this platform can see.

The size is that of a two-sided z-test of two proportions with unpooled variance. Other formulas
(pooled variance, arcsine) differ by a tenth of a per cent; one that assumes equal variances by 7 %.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from math import ceil, inf, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from ml.command import fitted, guarded, show
from ml.experiments import designs, exposures, sequential
from ml.experiments.analysis import METRICS
from ml.experiments.designs import Design, DesignError, Designs
from ml.experiments.sums import Sums
from ml.warehouse import Warehouse, read_warehouse

_LOOKS = 22  # daily, after the minimum run of a design with 28 days of entry
_ALPHA = 0.05
_MIN_DAYS = 7  # of entry, which every design waits for


class Traffic(NamedTuple):
    """What the platform's own exposures say about an experiment on it.

    Attributes:
        experiment: Whose exposures these are.
        backer_count: Backers whose window was over at the last look.
        view_count: Their views.
        days: In which they entered.
        window_days: From a backer's first view until all that counts is known.
        conversion: Converted views per view, all arms together.
        clustering: Variance of that ratio over what it were if views were independent.
    """

    experiment: str
    backer_count: int
    view_count: int
    days: int
    window_days: int
    conversion: float
    clustering: float


def sample_size(base: float, lift: float, *, power: float) -> int:
    """Returns the views per arm that find `base` against `base * (1 + lift)`.

    n = (z(1 - alpha/2) + z(power))^2 (p(1 - p) + q(1 - q)) / (q - p)^2, rounded up.

    Raises:
        DesignError: There is no such pair of rates.
    """
    return ceil(_size(base, lift, power))


def _size(base: float, lift: float, power: float) -> float:
    other = base * (1 + lift)
    if not (0 < base < 1 and 0 < other < 1 and lift != 0):
        raise DesignError(
            f"BASE={base:g} LIFT={lift:g}: base and base * (1 + lift) must lie between 0 and 1,"
            " and differ"
        )
    if not 0.5 <= power < 1:
        raise DesignError(f"POWER={power:g} must be at least 0.5 and below 1")
    spread = base * (1 - base) + other * (1 - other)
    return float((ndtri(power) - ndtri(_ALPHA / 2)) ** 2 * spread / (other - base) ** 2)


def detectable_lift(base: float, views: float, *, power: float) -> float:
    """Returns the smallest lift that so many views per arm find; infinite if none is."""
    most = (1 - base) / base * 0.999999
    if _size(base, most, power) > views:
        return inf

    def missing(lift: float) -> float:
        return _size(base, lift, power) - views

    return float(brentq(missing, 1e-6, most))


def traffic(warehouse: Warehouse, registered: Designs) -> Traffic | None:
    """Measures the newest experiment on the platform; None without one, or without conversions."""
    as_of = warehouse.as_of()
    for each in sorted(exposures.experiments(warehouse), key=lambda each: each.last_at)[::-1]:
        design = registered.of(each, as_of)
        if exposures.violations(warehouse, design):
            continue
        looks = exposures.looks(warehouse, design, as_of)
        if looks and (found := _traffic(design, looks[-1])):
            return found
    return None


def _traffic(design: Design, look: exposures.Look) -> Traffic | None:
    sums = Sums()
    for each in look.sums.values():
        sums.merge(each)
    views, conversions = sums.total("views"), sums.total("conversions")
    if sums.count < 2 or not 0 < conversions < views:
        return None
    rate = conversions / views
    variance = sums.aggregates((METRICS[0].numerator, "views")).ratio_var("conversions", "views")
    independent = rate * (1 - rate) / views
    entered = (look.look_at - design.starts_at).days - design.window_days
    return Traffic(
        experiment=design.name,
        backer_count=sums.count,
        view_count=views,
        days=max(1, min(design.enrol_days, entered)),
        window_days=design.window_days,
        conversion=rate,
        clustering=float(variance) / sums.count / independent,
    )


def report(base: float, lift: float, power: float, found: Traffic | None) -> list[str]:
    """Returns the lines to print.

    Raises:
        DesignError: There is no experiment with these numbers.
    """
    size = sample_size(base, lift, power=power)
    most = sequential.inflation(_LOOKS, alpha=_ALPHA, power=power)
    fractions = np.arange(1, _LOOKS + 1) / _LOOKS
    critical = sequential.boundaries(
        fractions, sequential.obrien_fleming_spending(fractions, _ALPHA)
    )
    drift = (ndtri(power) - ndtri(_ALPHA / 2)) * sqrt(most)
    mean = sequential.operating(fractions, critical, float(drift)).mean_fraction * most
    lines = [
        f"{size:,} views per arm find {100 * base:.3f} % against {100 * base * (1 + lift):.3f} %"
        f" ({100 * lift:+.0f} %) with power {100 * power:.0f} %: two-sided z-test,"
        f" unpooled variance, alpha {100 * _ALPHA:.0f} %",
        f"with {_LOOKS} looks (Lan-DeMets, O'Brien-Fleming type): at most {ceil(size * most):,}"
        f" ({most:.3f} times), on average {ceil(size * mean):,} ({mean:.2f} times)"
        f" if the lift is {100 * lift:+.0f} %",
    ]
    if found is None:
        return [*lines, "no published experiment with conversions yet: the run time is not known"]
    return lines + _platform_lines(size, lift, power, found)


def _platform_lines(size: int, lift: float, power: float, found: Traffic) -> list[str]:
    per_arm = found.view_count / 2 / found.days
    needed = size * found.clustering
    days = max(_MIN_DAYS, ceil(needed / per_arm))
    own = sample_size(found.conversion, lift, power=power) * found.clustering
    smallest = detectable_lift(
        found.conversion, found.view_count / 2 / found.clustering, power=power
    )
    detects = f"{100 * smallest:+.1f} %" if smallest < inf else "no lift at all"
    return [
        f"this platform ({found.experiment}): {found.backer_count:,} backers entered in"
        f" {found.days:,} days, {per_arm:,.0f} views per arm and day of entry;"
        f" {100 * found.conversion:.2f} % convert; clustering by backer multiplies the variance by"
        f" {found.clustering:.2f}",
        f"there {ceil(needed):,} views per arm take {days:,} days of entry and"
        f" {found.window_days} for the last window; at its own conversion {100 * lift:+.0f} % takes"
        f" {ceil(own):,} views, {ceil(own / per_arm):,} days of entry",
        f"in {found.days:,} days of entry it can find {detects} with power {100 * power:.0f} %",
    ]


def main(arguments: Sequence[str]) -> int:
    """Prints the report; returns 0, or 2 when the call was wrong."""
    parser = argparse.ArgumentParser(prog="python -m ml.experiments.design", description=__doc__)
    parser.add_argument("--base", type=float, required=True, help="conversion without treatment")
    parser.add_argument("--lift", type=float, required=True, help="relative change to be found")
    parser.add_argument("--power", type=float, default=0.8, help="chance to find it")
    parser.add_argument("--db", type=Path, help="published warehouse, if there is one")
    return guarded("experiment-design", partial(_report, parser.parse_args(arguments)))


def _report(options: argparse.Namespace) -> int:
    found = _measure(options.db)
    return show("design", fitted(report(options.base, options.lift, options.power, found)))


def _measure(path: Path | None) -> Traffic | None:
    if path is None or not path.is_file():
        return None
    with read_warehouse(path) as warehouse:
        return traffic(warehouse, designs.load())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
