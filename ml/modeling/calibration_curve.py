"""Calibration curves: predicted probabilities against observed frequencies."""

from typing import NamedTuple

import numpy as np

from ml.modeling.bootstrap import draws, intervals, known_value, summed
from ml.modeling.metrics import ScoredRows, in_bins, slices


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


def calibration_curve(rows: ScoredRows, *, resamples: int, seed: int) -> list[CalibrationBin]:
    """Returns the calibration curve of every slice."""
    found = []
    for split, kind, part in slices(rows):
        in_bin = in_bins(part.probability)
        columns = np.column_stack([in_bin * part.label[:, None], in_bin])
        by_project = summed(part.project_id, columns)
        with np.errstate(invalid="ignore"):
            drawn = [
                np.divide(*np.split(times @ by_project, 2, axis=1))
                for times in draws(len(by_project), resamples, seed)
            ]
        size = in_bin.sum(axis=0)
        predicted, observed = part.probability @ in_bin / size, part.label @ in_bin / size
        low, high = intervals(drawn, len(size))
        for each in range(len(size)):
            figures = (
                float(predicted[each]),
                float(observed[each]),
                known_value(low[each]),
                known_value(high[each]),
            )
            found.append(CalibrationBin(split, kind, each + 1, *figures, int(size[each])))
    return found
