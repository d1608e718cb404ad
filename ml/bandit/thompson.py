"""The exact chance of each arm to be the best under Beta posteriors: Thompson's shares."""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_TAIL = 1e-14  # posterior mass left out at either end
_MIN_PARAMETER = 0.5  # Jeffreys; longer tails would need ever more nodes
# The trapezoid rule errs by the Fourier transform at 2 pi / step: below 1e-13 with these steps,
# for narrow (normal) densities and for wide ones, whose poles lie at +-i pi.
_STEPS_PER_SD, _WIDEST_STEP = 2.5, 0.25
_CELLS = 1 << 20  # of one pass: bounds the memory


def best_probabilities(alpha: Floats, beta: Floats) -> Floats:
    """Integrates, per row and arm, the density of the arm times the chance to beat all others.

    The integral runs over the logit of the success rate: there densities of Beta laws are smooth
    and fall exponentially, so that the trapezoid rule is exact to rounding (Trefethen and
    Weideman, 2014). On [0, 1] a Jeffreys density is infinite at both ends and a grid misses mass.
    The result of a row does not depend on the rows beside it, not even in its last bit.

    Args:
        alpha: Successes plus prior, shape (rows, arms), all at least 0.5.
        beta: Failures plus prior, same shape.

    Returns:
        Probabilities, same shape; each row adds up to 1.

    Raises:
        ValueError: A parameter is too small to integrate.
    """
    if min(alpha.min(initial=1), beta.min(initial=1)) < _MIN_PARAMETER:
        raise ValueError(f"a Beta parameter is below {_MIN_PARAMETER}")
    lows = special.logit(special.betaincinv(alpha, beta, _TAIL))
    highs = -special.logit(special.betaincinv(beta, alpha, _TAIL))
    # Below the highest low end some factor of every integrand vanishes.
    low, high = lows.max(axis=1), highs.max(axis=1)
    spread = np.sqrt(special.polygamma(1, alpha) + special.polygamma(1, beta)).min(axis=1)
    step = np.minimum(spread / _STEPS_PER_SD, _WIDEST_STEP)
    nodes = np.exp2(np.ceil(np.log2((high - low) / step + 1))).astype(np.int64)
    found = np.empty(alpha.shape)
    for count in np.unique(nodes):
        rows = np.flatnonzero(nodes == count)
        passes = -(-len(rows) * alpha.shape[1] * int(count) // _CELLS)
        for part in np.array_split(rows, passes):
            grid = low[part, None] + step[part, None] * np.arange(count)
            found[part] = _integrate(alpha[part], beta[part], grid) * step[part, None]
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _integrate(alpha: Floats, beta: Floats, grid: Floats) -> Floats:
    """Sums the integrands over the grid, shape (rows, nodes); returns shape (rows, arms)."""
    a, b, x = alpha[:, :, None], beta[:, :, None], grid[:, None, :]
    density = np.exp(a * special.log_expit(x) + b * special.log_expit(-x) - special.betaln(a, b))
    # From the nearer end: close to 1 the success rate itself has no digits left.
    below = np.where(
        x < 0,
        special.betainc(a, b, special.expit(x)),
        special.betaincc(b, a, special.expit(-x)),
    )
    arms = range(alpha.shape[1])
    beaten = [np.delete(below, arm, axis=1).prod(axis=1) for arm in arms]
    return np.stack([(density[:, arm] * beaten[arm]).sum(axis=1) for arm in arms], axis=1)
