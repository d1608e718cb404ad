"""Matured predictions against outcomes: the evidence is fair, and finds what is off."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import special
from threadpoolctl import threadpool_limits

from ml import settings
from ml.monitoring.outcomes import Outcomes, OutcomeWatch, calibration_slope, evidence
from tests.ml.monitoring.drift_runs import again

START = datetime(2023, 1, 2)
A_WEEK = 26  # 340 outcomes a quarter
DRIFT = settings.load(settings.DEFAULT_PATH)[0].drift


def outcomes(probability: Any, outcome: Any, weekly: int) -> Outcomes:
    places = np.arange(len(probability)) // weekly
    known_at = np.datetime64(START, "us") + places * np.timedelta64(7, "D")
    return Outcomes("d3", np.asarray(probability), np.asarray(outcome, dtype=float), known_at)


def probabilities(rng: np.random.Generator, weeks: int) -> Any:
    """Those of campaigns known by their launch facts: AUC about .70, as real ones have."""
    return special.expit(special.logit(0.3) + 0.75 * rng.normal(size=weeks * A_WEEK))


def alerts(probability: Any, outcome: Any, drift: Any = DRIFT) -> dict[int, list[str]]:
    """The alerts at the end of each week, of the weeks that have any."""
    weeks = [START + timedelta(weeks=week) for week in range(len(probability) // A_WEEK)]
    watch = OutcomeWatch(drift, outcomes(probability, outcome, A_WEEK), weeks)
    found = {
        place + 1: [each.feature for each in watch.findings(week) if each.is_alert]
        for place, week in enumerate(weeks)
    }
    return {week: names for week, names in found.items() if names}


def test_the_expected_wealth_of_those_who_bet_against_true_probabilities_is_one() -> None:
    """Over all 2^6 outcomes, in batches of two: so Ville's inequality holds."""
    probability = np.array([0.1, 0.35, 0.7, 0.5, 0.9, 0.2])
    total = 0.0
    for outcome in product([0.0, 1.0], repeat=6):
        chance = np.where(outcome, probability, 1 - probability).prod()
        final = evidence(outcomes(probability, outcome, 2), [2, 4, 6])[-1]
        total += chance * np.exp(final.log_wealth)
    assert total == pytest.approx(1, rel=1e-12)


def test_a_calibrated_model_is_seldom_accused_in_two_years() -> None:
    rng = np.random.default_rng(1)
    ends, evident = range(A_WEEK, 105 * A_WEEK, A_WEEK), 0
    for _ in range(60):
        probability = probabilities(rng, 104)
        one = outcomes(probability, rng.random(len(probability)) < probability, A_WEEK)
        most = max(each.log_wealth for each in evidence(one, ends))
        evident += most >= -np.log(DRIFT.outcome_significance)
    assert evident <= 3  # 1.2 at most are expected


@pytest.mark.parametrize(("onset", "median"), [(0, 13), (26, 18)])
def test_a_level_that_is_off_by_ten_points_is_named(onset: int, median: int) -> None:
    rng = np.random.default_rng(2)
    delays = []
    for _ in range(5):
        probability = probabilities(rng, onset + 26)
        true = probability.copy()
        true[onset * A_WEEK :] += 0.1
        found = alerts(probability, rng.random(len(true)) < true)
        named = [week for week, names in found.items() if "calibration_level" in names]
        delays.append(min((week for week in named if week > onset), default=999) - onset)
    assert np.median(delays) <= median


def test_probabilities_too_far_from_the_mean_are_a_slope_not_a_level() -> None:
    rng = np.random.default_rng(3)
    odds = 2 * rng.normal(size=40 * A_WEEK)
    outcome = rng.random(len(odds)) < special.expit(odds / 2)
    found = alerts(special.expit(odds), outcome)
    assert {name for names in found.values() for name in names} == {"calibration_slope"}
    assert calibration_slope(special.expit(odds), outcome * 1.0) == pytest.approx(0.5, abs=0.15)


def test_an_evident_error_too_small_to_matter_is_no_alert() -> None:
    rng = np.random.default_rng(4)
    probability = probabilities(rng, 40)
    outcome = rng.random(len(probability)) < probability + 0.1
    assert alerts(probability, outcome)
    assert not alerts(probability, outcome, drift=replace(DRIFT, level_threshold=0.2))
    assert not alerts(probability, outcome, drift=replace(DRIFT, bound_errors=10.0))


def test_a_model_that_recovers_is_named_no_more() -> None:
    rng = np.random.default_rng(5)
    probability = probabilities(rng, 60)
    true = probability.copy()
    true[: 26 * A_WEEK] += 0.15
    found = alerts(probability, rng.random(len(true)) < true)
    assert 26 in found
    assert max(found) < 26 + 15


def test_one_certain_and_wrong_prediction_decides_nothing() -> None:
    (final,) = evidence(outcomes([0.0], [1.0], 1), [1])
    assert final.log_wealth < 1


@pytest.mark.parametrize(("probability", "outcome"), [([0.2, 0.4], [1, 1]), ([0.3, 0.3], [0, 1])])
def test_where_nothing_varies_there_is_no_slope(probability: Any, outcome: Any) -> None:
    assert calibration_slope(np.array(probability), np.array(outcome)) is None


def test_the_slope_does_not_depend_on_the_number_of_processors() -> None:
    rng = np.random.default_rng(1)
    for _ in range(8):
        probability = rng.beta(0.4, 0.6, 12_000)
        outcome = (rng.random(12_000) < probability) * 1.0
        slopes = []
        for processors in (1, 2):
            with threadpool_limits(processors):
                slopes.append(calibration_slope(probability, outcome))
        assert slopes[0] == slopes[1]


def test_few_outcomes_are_not_tested() -> None:
    watch = OutcomeWatch(DRIFT, outcomes(np.full(A_WEEK, 0.3), np.ones(A_WEEK), A_WEEK), [START])
    assert watch.findings(START) == []
    assert watch.window(START).skip_reason == "26 of 30 projects needed"


def test_a_platform_whose_outcomes_are_not_what_was_predicted_raises_an_alert(
    finished: Any,
) -> None:
    finished.sql(
        "update ml.predictions set predicted_probability = 0.1 + predicted_probability / 9"
    )
    words = " ".join(again(finished).split())
    ((text,),) = finished.sql(
        "select words from ml.drift_alarms where feature = 'calibration_level'"
        " and model_name = 'project_success'"
    )
    assert text.startswith("calibration_level at d3 is off: predicted 1")
    assert text.removesuffix(" Its probabilities do not hold until it is trained anew.") in words
    (status,) = finished.sql(
        "select status from ml.drift_checks where subject = 'calibration' and snapshot_kind = 'd3'"
        " order by measured_at desc limit 1"
    )
    assert status == ("drift detected",)
    predicted, observed = (
        finished.sql(
            f"""select value from ml.drift_stats where statistic = '{name}'
            and snapshot_kind = 'd3' order by measured_at desc limit 1"""
        )[0][0]
        for name in ("mean_predicted_probability", "observed_share")
    )
    assert predicted < 0.2 < observed - 0.05
