"""What is measured of intervals, by hand; the baselines; and when skill counts as proven."""

import numpy as np
import pytest

from ml.amount import baselines, measures
from ml.amount.rows import log_share
from ml.modeling.skill_states import NOT_PROVEN, NOT_TESTED, PROVEN
from tests.ml.amount.conftest import campaigns


def test_figures_by_hand() -> None:
    rows = campaigns(4, seed=1).where(np.arange(8) < 4)._replace(log_final=np.array([0, 1, 2, 3.0]))
    ends = np.array([[0, 0, 4], [2, 2, 5], [-1, 1, 1], [np.nan] * 3])
    found = measures.measure(rows, {measures.MODEL: ends})
    value = {each.metric: each.value for each in found}
    assert value["coverage"] == pytest.approx(1 / 3)
    assert value["share_below"] == value["share_above"] == pytest.approx(1 / 3)
    assert value["absolute_log_error"] == 1
    assert value["log_width"] == 3
    assert {each.project_count for each in found} == {3}
    coverage = next(each for each in found if each.metric == "coverage")
    assert (coverage.ci_low, coverage.ci_high) == pytest.approx((0.0615, 0.7923), abs=1e-4)


def test_pace_is_carried_on_and_nothing_is_said_at_launch() -> None:
    rows = campaigns(3, seed=1)
    pledged = np.array([100.0, 0, 600] * 2)
    rows = rows._replace(
        log_pledged=log_share(pledged, rows.goal),
        elapsed_ratio=np.repeat([0.0, 0.5], 3),
    )
    found = baselines.predictors(rows, rows)[baselines.PACE]
    assert np.isnan(found[:3]).all()
    assert np.allclose(found[3:, 1], log_share(2 * pledged[:3], rows.goal[:3]))


def test_raw_quantiles_are_those_of_the_past_of_the_kind() -> None:
    training, test = campaigns(200, seed=1), campaigns(5, seed=2)
    found = baselines.predictors(training, test)[baselines.RAW_QUANTILES]
    wanted = np.quantile(training.log_final[training.kind == "d10"], (0.05, 0.5, 0.95))
    assert (found[test.kind == "d10"] == np.maximum(wanted, test.log_pledged[5:, None])).all()


def test_the_quantile_loss_is_least_for_the_true_quantiles() -> None:
    rows = campaigns(4000, seed=1)
    rows = rows._replace(log_final=np.random.default_rng(1).normal(size=8000))
    loss = [
        measures.quantile_loss(rows, np.tile([-1.645 * by, 0, 1.645 * by], (8000, 1))).mean()
        for by in (0.7, 1, 1.4)
    ]
    assert loss[1] < min(loss[0], loss[2])


@pytest.mark.parametrize(
    ("count", "shift", "state"),
    [(200, 1.0, PROVEN), (200, 0.0, NOT_PROVEN), (20, 1.0, NOT_TESTED)],
)
def test_skill_is_proven_against_every_baseline(count: int, shift: float, state: str) -> None:
    rows = campaigns(count, seed=1)
    model = rows.log_final[:, None] + np.array([-0.5, 0.1, 0.5])
    predicted = {measures.MODEL: model, "far": model + 3, "near": model + shift}
    assert measures.skill_state(rows, predicted, 30) == state


def test_a_difference_that_may_be_chance_proves_nothing() -> None:
    rows, rng = campaigns(100, seed=1), np.random.default_rng(1)
    one, other = (rows.log_final[:, None] + rng.normal(size=(200, 1)) for _ in range(2))
    for model, rival in ((one, other), (other, one)):
        ends = {measures.MODEL: model + np.zeros(3), "rival": rival + np.zeros(3)}
        assert measures.skill_state(rows, ends, 30) == NOT_PROVEN
