"""Whether outcomes are what the model said, by a test that may be looked at every week.

The evidence is an e-process. Against "each outcome is 1 with its predicted probability" bet
alternatives whose log-odds are shifted or stretched; the wealth of their mixture is a likelihood
ratio, so a calibrated model ever reaches 1 / a with probability a at most, over all weeks together
(Ville, 1939; Ramdas, Grünwald, Vovk and Shafer, 2023). Each week a share of the weights returns to
where they started, so that a model that goes wrong late is found too (fixed share: Herbster and
Warmuth, 1998).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special
from sklearn.linear_model import LogisticRegression

from ml.modeling import estimators
from ml.modeling.registry import ModelRun
from ml.monitoring.findings import LEVEL, SLOPE, Calibration, Window
from ml.monitoring.samples import MATURED_LABELS, ONE_PER_PROJECT, Timestamps, recent_rows
from ml.settings import Drift, ModelSettings
from ml.warehouse import Warehouse

Floats = npt.NDArray[np.float64]

# what is added to the log-odds, and by what their distance from the mean is multiplied: none first
_SHIFTS, _SLOPES = (-0.5, 0.5), (0.5, 2.0)
_WEIGHTS = np.array([0.5, 0.2, 0.2, 0.05, 0.05])
_RETURNS = 1 / 26  # of the weights, each week
_CERTAIN = 0.001  # no probability counts as closer to 0 or 1: one outcome must not decide


class Outcomes(NamedTuple):
    """Predictions after the cut whose outcome has matured, one per project, in that order."""

    snapshot_kind: str
    probability: Floats
    outcome: Floats
    known_at: Timestamps


class Evidence(NamedTuple):
    """What is known at the end of a week; `weights` are those of the alternatives, shape (5,)."""

    log_wealth: float
    weights: Floats

    def speaks_for(self, feature: str) -> bool:
        """Whether the newest outcomes are explained best by such an error.

        A stretch moves the level too where the mean is not central, so LEVEL only needs that
        something is off.
        """
        as_said = float(self.weights[0])
        level, slope = float(self.weights[1:3].sum()), float(self.weights[3:].sum())
        return max(level, slope) > as_said and (feature == LEVEL or slope > level)


def read_outcomes(
    model: ModelSettings, warehouse: Warehouse, run: ModelRun, as_of: datetime
) -> Outcomes:
    """Reads the predictions of `outcome_kind` by the version that serves, with their outcomes."""
    sql = f"""
        select predictions.predicted_probability as probability,
            cast(matured.label as double) as outcome, matured.known_at
        from intermediate.int_predictions_current as predictions
        inner join features.{model.entity}_features as features
            on predictions.entity_id = features.{model.entity}_id
            and predictions.snapshot_kind = features.snapshot_kind
        inner join ({MATURED_LABELS[model.entity].format(label=model.label)}) as matured
            on features.project_id = matured.project_id
        where predictions.model_name = $name and predictions.model_version = $version
            and predictions.origin = 'batch' and predictions.snapshot_kind = $kind
            and not predictions.is_decided and predictions.snapshot_at > $after
            and matured.label is not null and matured.known_at <= $until
            and {ONE_PER_PROJECT[model.entity]}
        order by matured.known_at, features.project_id"""
    kind = model.drift.outcome_kind
    asked = {"name": model.name, "version": run.model_version, "kind": kind}
    found = warehouse.read(sql, **asked, after=run.cutoff_at, until=as_of).read_all()
    probability, outcome, known_at = (found.column(name).to_numpy() for name in found.column_names)
    return Outcomes(kind, probability, outcome, known_at)


class OutcomeWatch:
    """The matured predictions of one model, ready to be judged at the end of any of the weeks."""

    def __init__(self, settings: Drift, outcomes: Outcomes, weeks: Sequence[datetime]) -> None:
        """Takes the ends of all weeks, in order; the last may be one that is not over."""
        self._settings, self._outcomes, self._newest = settings, outcomes, weeks[-1]
        ends = [self._rows(week).stop for week in weeks]
        self._evidence = dict(zip(weeks, evidence(outcomes, ends), strict=True))

    def window(self, until: datetime) -> Window:
        """Returns how many outcomes there are, since the cut and in the recent window."""
        rows = self._rows(until)
        counts = rows.stop, rows.stop - rows.start
        kind, needed = self._outcomes.snapshot_kind, self._settings.min_entities
        return Window(kind, (LEVEL, SLOPE), *counts, needed)

    def findings(self, until: datetime) -> list[Calibration]:
        """Judges level and slope at the end of one of the weeks; nothing of too few outcomes."""
        window = self.window(until)
        if not window.is_compared:
            return []
        rows, known = self._rows(until), self._evidence[until]
        probability, outcome = self._outcomes.probability[rows], self._outcomes.outcome[rows]
        predicted, observed = float(probability.mean()), float(outcome.mean())
        error = float(np.sqrt((probability * (1 - probability)).sum())) / len(outcome)
        low = abs(observed - predicted) - self._settings.bound_errors * error
        is_evident = known.log_wealth >= -np.log(self._settings.outcome_significance)
        # of an earlier week only alerts are asked for, and without evidence there is none
        needs_slope = is_evident or until == self._newest
        slope = calibration_slope(probability, outcome) if needs_slope else None
        factor = self._settings.slope_threshold
        relevant = {
            LEVEL: low > self._settings.level_threshold,
            SLOPE: slope is not None and not 1 / factor <= slope <= factor,
        }
        return [
            Calibration(
                feature=feature,
                snapshot_kind=window.snapshot_kind,
                value=value,
                value_low=value_low,
                predicted=predicted,
                observed=observed,
                current_count=window.current_count,
                reference_count=window.reference_count,
                e_value=float(np.exp(min(known.log_wealth, 700.0))),
                is_alert=bool(is_evident and relevant[feature] and known.speaks_for(feature)),
            )
            for feature, value, value_low in (
                (LEVEL, observed - predicted, low),
                (SLOPE, slope, None),
            )
        ]

    def _rows(self, until: datetime) -> slice:
        days, fewest = self._settings.window_days[0], self._settings.min_entities
        return recent_rows(self._outcomes.known_at, until, days, fewest)


def evidence(outcomes: Outcomes, ends: Iterable[int]) -> list[Evidence]:
    """Returns the evidence after the first `end` outcomes, for each of the rising ends."""
    probability = np.clip(outcomes.probability, _CERTAIN, 1 - _CERTAIN)
    odds, positive = special.logit(probability), outcomes.outcome == 1
    weights, log_wealth, start, found = _WEIGHTS, 0.0, 0, []
    for end in ends:
        if end > start:
            # probabilities, unlike outcomes, are known beforehand: this week's may enter the mean
            middle = special.logit(probability[:end].mean())
            rows = slice(start, end)
            gains = _log_ratios(odds[rows], positive[rows], middle)
            most = gains.max()
            shares = weights * np.exp(gains - most)
            log_wealth += float(np.log(shares.sum()) + most)
            weights = shares / shares.sum()
        found.append(Evidence(log_wealth, weights))
        weights = (1 - _RETURNS) * weights + _RETURNS * _WEIGHTS
        start = end
    return found


def _log_ratios(odds: Floats, positive: npt.NDArray[np.bool_], middle: float) -> Floats:
    """Returns the log likelihood ratio of each alternative to what was predicted, shape (5,)."""
    others = [odds + shift for shift in _SHIFTS]
    others += [middle + slope * (odds - middle) for slope in _SLOPES]
    signed = np.where(positive, 1.0, -1.0) * np.array([odds, *others])
    likelihoods = special.log_expit(signed).sum(axis=1)
    return np.asarray(likelihoods - likelihoods[0])


def calibration_slope(probability: Floats, outcome: Floats) -> float | None:
    """Returns the slope of a logistic regression of outcomes on log-odds (Cox, 1958).

    None where all outcomes or all probabilities are the same.
    """
    odds = special.logit(np.clip(probability, _CERTAIN, 1 - _CERTAIN))
    if len(np.unique(outcome)) < 2 or np.ptp(odds) == 0:
        return None
    with estimators.one_thread():
        fitted = LogisticRegression(C=1000.0, solver="newton-cholesky").fit(odds[:, None], outcome)
    return float(fitted.coef_[0, 0])
