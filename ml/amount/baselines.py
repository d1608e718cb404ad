"""What the intervals are held against: the past as it is, and the pace so far carried on."""

import numpy as np

from ml.amount.forest import LEVELS
from ml.amount.rows import EDGE, Floats, Snapshots

RAW_QUANTILES, PACE = "raw_quantiles", "pace_extrapolation"


def predictors(training: Snapshots, test: Snapshots) -> dict[str, Floats]:
    """Returns low, median and high logarithm of each test row by each baseline; NaN: none.

    `raw_quantiles` are those of the final totals, as shares of the goal, of the training rows of
    the same kind. `pace_extrapolation` carries the pace on to the deadline; its interval has the
    quantiles of the error that it made on the training rows. At launch there is no pace.
    """
    pace = _pace(test)
    errors = _quantiles(training, training.log_final - _pace(training), test)
    errors[:, 1] = 0
    found = {
        RAW_QUANTILES: _quantiles(training, training.log_final, test),
        PACE: pace[:, None] + errors,
    }
    return {name: np.maximum(ends, test.log_pledged[:, None]) for name, ends in found.items()}


def _quantiles(training: Snapshots, values: Floats, test: Snapshots) -> Floats:
    found = np.full((len(test.kind), len(LEVELS)), np.nan)
    for kind in np.unique(test.kind):
        known = values[training.kind == kind]
        if len(known):
            found[test.kind == kind] = np.quantile(known, LEVELS)
    return found


def _pace(rows: Snapshots) -> Floats:
    elapsed = np.where(rows.elapsed_ratio > 0, rows.elapsed_ratio, np.nan)
    share = np.exp(rows.log_pledged) - EDGE
    found: Floats = np.log(np.maximum(share, 0) / elapsed + EDGE)
    return found
