"""Group-sequential tests: boundaries that hold however often, and whenever, somebody looks.

The test statistics of the looks have independent increments on the scale of information (one over
the squared standard error), so the chance to cross is found by integrating from look to look, after
Armitage, McPherson and Rowe (1969). Arrays may have leading dimensions: one test per row.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]

_WIDEST = 9.0  # beyond it lies no mass worth integrating
_NODES_OF_PANEL = 16
_WIDTH_OF_PANEL = 8.0  # standard deviations of a step
_MAX_NEWTON_STEPS = 40
_CLOSE = 1e-10


class Operating(NamedTuple):
    """How a sequential test behaves under one effect.

    Attributes:
        power: Chance to cross the upper boundary at some look.
        mean_fraction: Mean share of the planned information at the stop.
    """

    power: float
    mean_fraction: float


def obrien_fleming_spending(fraction: Any, alpha: float) -> Floats:
    """Returns what of a two-sided alpha is spent by a share of the planned information.

    Lan and DeMets (1983), the function near O'Brien and Fleming: 4 (1 - Phi(z / sqrt(fraction)))
    with z the 1 - alpha / 4 quantile; each side spends a half by that side's own function. Nothing
    is spent before there is information, all of it once there is as much as planned.
    """
    share = np.clip(np.asarray(fraction, dtype=np.float64), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        spent: Floats = 4 * ndtr(ndtri(alpha / 4) / np.sqrt(share))
    return np.minimum(spent, alpha)


def boundaries(information: Any, spent: Any) -> Floats:
    """Returns the two-sided critical values of |z| at each look.

    Args:
        information: One over the squared standard error at each look, rising; any unit.
        spent: Error of both sides together spent by each look, not falling.

    Returns:
        The same shape; infinite where a look spends nothing.
    """
    information = np.asarray(information, dtype=np.float64)
    steps = np.diff(np.asarray(spent, dtype=np.float64), axis=-1, prepend=0.0)
    critical = np.empty(steps.shape)
    points = np.zeros((*steps.shape[:-1], 1))
    mass = np.ones(points.shape)  # before the first look everything lies at zero
    earlier = np.zeros(steps.shape[:-1])
    for look in range(steps.shape[-1]):
        carried = np.sqrt(earlier / information[..., look])[..., None]
        spread = np.sqrt(1 - carried**2)
        critical[..., look] = _critical(steps[..., look], carried * points, spread, mass)
        edge = np.minimum(critical[..., look], _WIDEST)
        points, mass = _advance(-edge, edge, carried * points, spread, mass)
        earlier = information[..., look]
    return critical


def _critical(step: Floats, center: Floats, spread: Floats, mass: Floats) -> Floats:
    """Finds where the tails hold just what this look may spend, by Newton from the outside.

    The log of a tail is concave: from the outside Newton's steps never jump over the solution. The
    start is where the tails would be if no earlier look had stopped anything.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = -ndtri(step / 2)
        for _ in range(_MAX_NEWTON_STEPS):
            above = (value[..., None] - center) / spread
            below = (-value[..., None] - center) / spread
            tails = (mass * (ndtr(-above) + ndtr(below))).sum(-1)
            density = (mass * (_phi(above) + _phi(below)) / spread).sum(-1)
            move = np.log(tails / step) * tails / density
            value = value + np.where(np.isfinite(move), np.minimum(move, 0.0), 0.0)
            if not (np.abs(move) > _CLOSE).any():
                break
    return value


def _advance(
    low: Floats, high: Floats, center: Floats, spread: Floats, mass: Floats
) -> tuple[Floats, Floats]:
    """Moves the mass that has not crossed to Gauss-Legendre nodes between the boundaries."""
    width = float(np.max((high - low) / spread[..., 0]))
    nodes, weights = _rule(int(np.ceil(width / _WIDTH_OF_PANEL)))
    half = ((high - low) / 2)[..., None]
    points = half * nodes + ((high + low) / 2)[..., None]
    steps = points[..., :, None] - center[..., None, :]
    kernel = np.exp(steps**2 * (-0.5 / spread[..., None] ** 2))
    density = (kernel @ mass[..., None])[..., 0] / (spread * np.sqrt(2 * np.pi))
    return points, density * half * weights


@cache
def _rule(panels: int) -> tuple[Floats, Floats]:
    """Returns nodes and weights on [-1, 1], cut into equal panels."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES_OF_PANEL)
    centers = (2 * np.arange(panels) + 1) / panels - 1
    return (centers[:, None] + nodes / panels).ravel(), np.tile(weights / panels, panels)


def _phi(value: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * value**2) / np.sqrt(2 * np.pi)
    return density


def operating(fractions: Floats, critical: Floats, drift: float) -> Operating:
    """Returns power and mean size of a test under an effect.

    Args:
        fractions: Share of the planned information at each look, rising.
        critical: Boundaries of |z| at these looks.
        drift: Mean of z once all planned information is there.
    """
    points, mass, earlier = np.zeros(1), np.ones(1), 0.0
    power, mean = 0.0, 0.0
    for fraction, edge in zip(fractions, np.minimum(critical, _WIDEST + abs(drift)), strict=True):
        carried = np.sqrt(earlier / fraction)
        spread = np.array([np.sqrt(1 - carried**2)])
        moved = drift * (fraction - earlier) / np.sqrt(fraction)
        mean += (fraction - earlier) * float(mass.sum())
        center = carried * points + moved
        power += float((mass * ndtr((center - edge) / spread)).sum())
        points, mass = _advance(np.array(-edge), np.array(edge), center, spread, mass)
        earlier = float(fraction)
    return Operating(power, float(mean))


@cache
def inflation(looks: int, *, alpha: float, power: float) -> float:
    """Returns how many times the size of a test with one look the sequential one needs at most.

    For equally spaced looks; the power is that to cross the upper boundary.
    """
    fractions = np.arange(1, looks + 1) / looks
    critical = boundaries(fractions, obrien_fleming_spending(fractions, alpha))
    single = float(-ndtri(alpha / 2) + ndtri(power))

    def missing(drift: float) -> float:
        return power - operating(fractions, critical, drift).power

    return float((brentq(missing, 0.9 * single, 2 * single, xtol=1e-9) / single) ** 2)


def conditional_power(
    z: float, information: float, planned: float, critical: float, effect: float
) -> float:
    """Returns the chance to end above `critical` if the true effect is `effect` from here on.

    Args:
        z: Statistic at this look.
        information: Information at this look, less than planned.
        planned: Information at the end.
        critical: Value that z must exceed at the end.
        effect: In the unit whose standard error the information is about.
    """
    ahead = planned - information
    reached = z * np.sqrt(information) + effect * ahead
    return float(ndtr((reached - critical * np.sqrt(planned)) / np.sqrt(ahead)))
