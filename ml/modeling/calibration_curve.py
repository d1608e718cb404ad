"""Calibration curves: predicted probabilities against observed frequencies."""

from typing import NamedTuple

import numpy as np

from ml.modeling.calibration_error import bins_of
from ml.modeling.intervals import interval, mean
from ml.modeling.metrics import ScoredRows, slices


class CalibrationBin(NamedTuple):
    """One bin: predicted probability, observed frequency with its 95 % interval."""

    split: str
    snapshot_kind: str
    bin: int
    mean_probability: float
    observed_rate: float
    ci_low: float | None
    ci_high: float | None
    row_count: int


def calibration_curve(rows: ScoredRows) -> list[CalibrationBin]:
    """Returns the calibration curve of every slice."""
    found = []
    for split, kind, part in slices(rows):
        bins = bins_of(part.probability)
        for number in range(int(bins.max()) + 1):
            inside = part.where(bins == number)
            observed = mean(inside.label.astype(np.float64), "share")
            found.append(
                CalibrationBin(
                    split,
                    kind,
                    number + 1,
                    float(inside.probability.mean()),
                    observed.value,
                    *interval(observed, inside.clusters()),
                    len(inside.label),
                )
            )
    return found
