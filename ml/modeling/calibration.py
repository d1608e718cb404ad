"""Turns a model's scores into probabilities that hold, by later outcomes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

_EDGE = 1e-4  # no score is believed more surely than this
_UNCHANGED = np.array([1.0, 0.0])
# How far each number may be expected to lie from that before the data speak (standard deviation):
# for all snapshot kinds together, and for a single one beyond that.
_POOLED, _PER_KIND = 0.2, 0.1


class Calibrator(NamedTuple):
    """A logistic calibration (Platt, 1999) for every kind: log-odds become slope * odds + shift.

    Attributes:
        snapshot_kinds: Sorted; one that is not among them gets the pooled numbers.
        parameters: Slope and shift in columns, one line per kind, the pooled ones last.
    """

    snapshot_kinds: tuple[str, ...]
    parameters: Floats


def nothing_known() -> Calibrator:
    """Returns the calibrator that leaves scores as they are."""
    return Calibrator((), _UNCHANGED[None, :])


def fit(
    score: Floats, label: Booleans, kind: Texts, project_id: npt.NDArray[np.int64]
) -> Calibrator:
    """Fits to scores of rows that the scoring model had not seen; arrays of one length.

    Every kind is drawn towards the pooled numbers, and those towards leaving the scores alone:
    the fewer outcomes, the more. The snapshots of a project share one outcome, so together they
    weigh as much as one row.
    """
    if not len(score):
        return nothing_known()
    kinds, place = np.unique(kind, return_inverse=True)
    parts = _parts(score)
    sign = np.where(label, 1.0, -1.0)
    weight = weight_of_row(project_id)
    spread = np.repeat([_POOLED, *[_PER_KIND] * len(kinds)], 2).reshape(-1, 2)

    def loss(flat: Floats) -> tuple[float, Floats]:
        shift = flat.reshape(-1, 2)  # pooled first, then each kind beyond it
        margin = sign * (parts * (_UNCHANGED + shift[0] + shift[1:])[place]).sum(axis=1)
        pull = (-weight * sign * expit(-margin))[:, None] * parts
        by_kind = np.stack([np.bincount(place, column) for column in pull.T], axis=1)
        gradient = np.vstack([by_kind.sum(axis=0), by_kind]) + shift / spread**2
        value = -weight * log_expit(margin).sum() + 0.5 * ((shift / spread) ** 2).sum()
        return float(value), gradient.ravel()

    found = minimize(loss, np.zeros(spread.size), jac=True, method="L-BFGS-B").x.reshape(-1, 2)
    pooled = _UNCHANGED + found[0]
    return Calibrator(tuple(str(name) for name in kinds), np.vstack([pooled + found[1:], pooled]))


def weight_of_row(project_id: npt.NDArray[np.int64]) -> float:
    """Returns what a row counts so that the snapshots of a project together count as one."""
    return len(np.unique(project_id)) / len(project_id)


def _parts(score: Floats) -> Floats:
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    return np.stack([logit(inside), np.ones(len(score))], axis=1)


def apply(calibrator: Calibrator, score: Floats, kind: Texts) -> Floats:
    """Returns the probabilities, strictly between 0 and 1; the same alone as in any batch."""
    names = np.array(calibrator.snapshot_kinds, dtype=np.str_)
    place = np.searchsorted(names, kind)
    known = place < len(names)
    known[known] = names[place[known]] == kind[known]
    chosen = calibrator.parameters[np.where(known, place, len(names))]
    parts = _parts(score)
    probability: Floats = expit(chosen[:, 0] * parts[:, 0] + chosen[:, 1])
    return probability
