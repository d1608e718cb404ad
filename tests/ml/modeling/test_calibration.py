"""Calibration: what later outcomes say of scores, kind by kind, as far as they say anything."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from ml.modeling import calibration
from ml.modeling.calibration import Calibrator


class Sample(NamedTuple):
    """What `calibration.fit` takes."""

    score: Any
    label: Any
    kind: Any
    project_id: Any


def distorted(
    truth: dict[str, tuple[float, float]], count: int, seed: int, *, rows: int = 1
) -> Sample:
    """Scores whose true log-odds are slope * odds + shift by kind; `rows` of each project."""
    rng = np.random.default_rng(seed)
    parts = []
    for place, (kind, (slope, shift)) in enumerate(sorted(truth.items())):
        score = expit(rng.normal(0, 1.5, count))
        label = rng.random(count) < expit(slope * logit(score) + shift)
        project = np.arange(count) + place * count
        parts.append((score, label, np.full(count, kind), project))
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sample(*(np.repeat(column, rows) for column in columns))


def errors(sample: Sample, slope: float, shift: float) -> Any:
    """Standard errors of slope and shift, from the information in the sample at the truth."""
    parts = np.stack([logit(sample.score), np.ones(len(sample.score))], axis=1)
    chance = expit(slope * parts[:, 0] + shift)
    information = (parts * (chance * (1 - chance))[:, None]).T @ parts
    return np.sqrt(np.diag(np.linalg.inv(information)))


def test_without_outcomes_scores_stay_as_they_are() -> None:
    nothing: Any = np.array([])
    calibrator = calibration.fit(nothing, nothing, nothing, nothing)
    score = np.linspace(0.001, 0.999, 99)
    kind = np.full(99, "d3")
    assert calibration.apply(calibrator, score, kind) == pytest.approx(score, abs=1e-12)
    for certain in (0.0, 1.0):
        calibrated = calibration.apply(calibrator, np.array([certain]), np.array(["d3"]))
        assert 0 < calibrated[0] < 1
        assert calibrated[0] == pytest.approx(certain, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distortion", [(1.0, 0.0), (0.6, 0.0), (1.5, -0.4), (0.8, 0.7)])
def test_a_known_distortion_is_found_within_sampling_error(
    seed: int, distortion: tuple[float, float]
) -> None:
    sample = distorted({"d3": distortion}, 20_000, seed)
    found = calibration.fit(*sample).parameters[0]
    assert np.abs(found - distortion) == pytest.approx(
        0, abs=float(4 * errors(sample, *distortion).max())
    )


def test_every_clock_has_its_own_distortion() -> None:
    truth = {"d3": (0.7, 0.3), "launch": (1.2, -0.3)}
    calibrator = calibration.fit(*distorted(truth, 20_000, 1))
    assert calibrator.snapshot_kinds == ("d3", "launch")
    for found, expected in zip(calibrator.parameters, truth.values(), strict=False):
        assert found == pytest.approx(expected, abs=0.08)


def test_the_fewer_outcomes_of_a_clock_the_nearer_it_is_to_the_others() -> None:
    many = distorted({"d3": (1.0, 0.0)}, 10_000, 1)
    shifts, pooled = [], []
    for count in (0, 20, 200, 20_000):
        few = distorted({"h4": (1.0, 1.0)}, count, 2)
        both = [np.concatenate(pair) for pair in zip(many, few, strict=True)]
        both[3] = np.arange(len(both[3]))
        calibrator = calibration.fit(*both)
        shift = calibrator.parameters[-2][1] if count else calibrator.parameters[-1][1]
        shifts.append(shift)
        pooled.append(calibrator.parameters[-1][1])
    assert shifts == sorted(shifts)
    assert abs(shifts[1] - pooled[1]) < 0.25
    assert shifts[3] > 0.9


def test_a_handful_of_outcomes_hardly_moves_a_score() -> None:
    score, kind = np.full(3, 0.2), np.full(3, "d3")
    calibrator = calibration.fit(score, np.full(3, True), kind, np.arange(3))
    calibrated = calibration.apply(calibrator, score, kind)
    assert np.all((calibrated > 0.2) & (calibrated < 0.5))


def test_a_clock_that_was_never_seen_gets_the_pooled_numbers() -> None:
    calibrator = calibration.fit(*distorted({"d3": (0.5, 0.5), "launch": (0.6, 0.4)}, 3_000, 1))
    slope, shift = calibrator.parameters[-1]
    for kind in ("a_new_one", "zzz"):
        calibrated = calibration.apply(calibrator, np.array([0.3]), np.array([kind]))
        assert calibrated == pytest.approx(expit(slope * logit(0.3) + shift))


def test_rows_of_one_project_weigh_as_much_as_one_row() -> None:
    once = calibration.fit(*distorted({"d3": (0.6, 0.4)}, 200, 1))
    often = calibration.fit(*distorted({"d3": (0.6, 0.4)}, 200, 1, rows=7))
    assert often.parameters == pytest.approx(once.parameters, abs=1e-3)
    apart = distorted({"d3": (0.6, 0.4)}, 200, 1, rows=7)
    independent = calibration.fit(*apart[:3], np.arange(len(apart.score)))
    assert abs(independent.parameters[0][1]) > abs(once.parameters[0][1]) + 0.02


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from(["d3", "launch", "new"]))
def test_a_higher_score_never_becomes_a_lower_probability(scores: list[float], kind: str) -> None:
    score = np.sort(np.array(scores))
    calibrated = calibration.apply(LEARNED, score, np.full(len(score), kind))
    assert np.all(np.diff(calibrated) >= 0)
    assert np.all((calibrated > 0) & (calibrated < 1))


def test_a_score_alone_becomes_the_very_number_of_the_batch() -> None:
    rng = np.random.default_rng(4)
    score = rng.random(1001)
    kind = rng.choice(np.array(["d3", "launch", "new"]), 1001)
    batch = calibration.apply(LEARNED, score, kind)
    for size in (1, 2, 7, 500):
        parts = [
            calibration.apply(LEARNED, score[start : start + size], kind[start : start + size])
            for start in range(0, 1001, size)
        ]
        assert np.array_equal(np.concatenate(parts), batch)


LEARNED: Calibrator = calibration.fit(
    *distorted({"d3": (0.6, 0.2), "launch": (1.3, -0.3)}, 500, seed=1)
)
