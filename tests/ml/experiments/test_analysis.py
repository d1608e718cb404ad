"""Effects at one look: those of tea-tasting, on the very rows."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import tea_tasting as tt
from scipy import stats

from ml.experiments import exposures
from ml.experiments.analysis import METRICS, Metric, adjusted, compare, sample_ratio_p_value
from ml.experiments.exposures import COLUMNS, PAIRS, Sums

CONVERSION = METRICS[0]


def draw_backers(rng: np.random.Generator, count: int, lift: float = 0.0) -> dict[str, list[int]]:
    views = rng.geometric(0.1, count)
    conversions = rng.binomial(views, np.minimum(rng.beta(2, 30, count) * (1 + lift), 1))
    pre = rng.integers(0, 90_000, count)
    amount = conversions * rng.integers(500, 9_000, count) + pre // 9 * (conversions > 0)
    shown, elsewhere = amount + pre // 3, rng.integers(0, 4_000, count)
    columns = (views, conversions, amount, pre, shown, elsewhere, shown + elsewhere)
    return {name: values.tolist() for name, values in zip(COLUMNS, columns, strict=True)}


def sums_of(backers: dict[str, list[int]]) -> Sums:
    sums = Sums()
    totals = [sum(backers[name]) for name in COLUMNS]
    products = [
        sum(a * b for a, b in zip(backers[left], backers[right], strict=True))
        for left, right in PAIRS
    ]
    sums.add(len(backers["views"]), [*totals, *products])
    return sums


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_sums_give_what_tea_tasting_finds_in_the_rows(metric: Metric) -> None:
    rng = np.random.default_rng(6)
    arms = [draw_backers(rng, 500), draw_backers(rng, 600, lift=0.3)]
    table = pa.concat_tables(
        pa.table({**backers, "variant": [variant] * len(backers["views"])})
        for variant, backers in zip(("control", "treatment"), arms, strict=True)
    )
    relation = duckdb.from_arrow(table)
    metrics = {
        name: tt.RatioOfMeans(metric.numerator, metric.denominator, covariate, use_t=False)
        for name, covariate in (("plain", None), ("cuped", "pre"))
    }
    wanted = tt.Experiment(metrics).analyze(relation, control="control")
    found = compare(metric, *map(sums_of, arms)).effect
    assert found is not None
    unit = 100 if metric.is_money else 1
    plain, cuped = wanted["plain"], wanted["cuped"]
    assert found.difference * unit == pytest.approx(plain.effect_size)
    assert found.z == pytest.approx(plain.statistic)
    assert found.p_value == pytest.approx(plain.pvalue)
    low, high = found.interval(stats.norm.isf(0.025))
    assert (low * unit, high * unit) == pytest.approx(
        (plain.effect_size_ci_lower, plain.effect_size_ci_upper)
    )
    assert found.lift_interval(stats.norm.isf(0.025)) == pytest.approx(
        (plain.rel_effect_size_ci_lower, plain.rel_effect_size_ci_upper)
    )
    assert found.cuped_difference * unit == pytest.approx(cuped.effect_size)
    assert found.cuped_error <= found.error * 1.001


def test_clustering_by_backer_widens_the_error() -> None:
    """A tenth of the backers convert at every view: views are far from independent."""
    backers = dict.fromkeys(COLUMNS, [0] * 400)
    backers["views"] = [20] * 400
    backers["conversions"] = [20] * 40 + [0] * 360
    found = compare(CONVERSION, sums_of(backers), sums_of(backers)).effect
    assert found is not None
    independent = np.sqrt(2 * 0.1 * 0.9 / 8000)
    assert found.error == pytest.approx(independent * np.sqrt(20), rel=0.01)


@pytest.mark.parametrize("conversions", [0, 1])
def test_what_does_not_vary_has_no_effect(conversions: int) -> None:
    backers = dict.fromkeys(COLUMNS, [1] * 50)
    backers["conversions"] = [conversions] * 50
    assert compare(CONVERSION, sums_of(backers), sums_of(backers)).effect is None


def test_an_arm_that_is_empty_or_without_denominator_has_no_effect() -> None:
    full = sums_of(draw_backers(np.random.default_rng(1), 50))
    assert compare(CONVERSION, full, Sums()).effect is None
    nobody = dict.fromkeys(COLUMNS, [1] * 50) | {"conversions": [0] * 50}
    average_pledge = METRICS[1]
    assert compare(average_pledge, full, sums_of(nobody)).effect is None


def test_no_conversions_in_one_arm_leave_a_difference_without_a_lift() -> None:
    full = draw_backers(np.random.default_rng(1), 50)
    nobody = full | {"conversions": [0] * 50}
    found = compare(CONVERSION, sums_of(nobody), sums_of(full)).effect
    assert found is not None
    assert found.difference > 0
    assert found.lift is None
    assert found.lift_interval(2.0) == (None, None)


def arms_of_a_rare_metric(spent_before: int) -> tuple[Sums, Sums]:
    """Two of 40 backers pay in control, ten in treatment; one other backer spent a lot before."""
    backers = []
    for amount, pre in (
        ([100 * (n < 2) for n in range(40)], [spent_before * (n == 5) for n in range(40)]),
        ([1000 * n * (n < 10) for n in range(40)], [1000 * n * (n < 10) for n in range(40)]),
    ):
        paid = [int(cents > 0) for cents in amount]
        columns = ([1] * 40, paid, amount, pre, amount, amount, amount)
        backers.append(sums_of(dict(zip(COLUMNS, columns, strict=True))))
    return backers[0], backers[1]


def test_cuped_of_a_rare_metric_does_not_overflow() -> None:
    """49,375 cents take the adjusted mean of control so close to zero that exp overflowed."""
    pair = arms_of_a_rare_metric(49_375)
    [metric] = [metric for metric in METRICS if metric.name == "amount_per_view"]
    found, missing = compare(metric, *pair)
    assert found is not None
    assert missing is None
    near = compare(metric, *arms_of_a_rare_metric(49_300)).effect
    assert near is not None
    assert found.cuped_difference == pytest.approx(near.cuped_difference, rel=0.01)
    assert found.cuped_error == pytest.approx(near.cuped_error, rel=0.01)


CENT, MOST = 1, 10**14  # 0.01 and 10^12 in cents


@pytest.mark.parametrize("treated", [(0, CENT), (1, CENT), (1, MOST), (50, CENT), (50, MOST)])
@pytest.mark.parametrize("untreated", [(0, CENT), (1, CENT), (1, MOST), (50, CENT), (50, MOST)])
@pytest.mark.parametrize("before", [0, CENT, MOST])
def test_legal_extremes_give_finite_figures_or_a_reason(
    untreated: tuple[int, int], treated: tuple[int, int], before: int
) -> None:
    arms = []
    for count, cents in (untreated, treated):
        paid = [int(n < count) for n in range(50)]
        amount = [cents * each for each in paid]
        pre = [before * (n % 7 == 0) for n in range(50)]
        columns = (
            [1] * 50,
            paid,
            amount,
            pre,
            amount,
            pre,
            [a + b for a, b in zip(amount, pre, strict=True)],
        )
        arms.append(sums_of(dict(zip(COLUMNS, columns, strict=True))))
    for metric in METRICS:
        found, missing = compare(metric, *arms)
        if found is None or None in found:
            assert missing
        if found is not None:
            figures = (*found, found.z, *found.interval(9.0), *found.lift_interval(9.0))
            assert all(np.isfinite(figure) for figure in figures if figure is not None)


def test_metrics_are_adjusted_after_holm() -> None:
    assert adjusted({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert adjusted({}) == {}


def test_sample_ratio_is_exact() -> None:
    weights = {"control": 3, "treatment": 1}
    found = sample_ratio_p_value({"control": 700, "treatment": 300}, weights, "treatment")
    assert found == pytest.approx(stats.binomtest(300, 1000, 0.25).pvalue)


def test_sums_of_parts_are_the_sums_of_the_whole() -> None:
    parts = [draw_backers(np.random.default_rng(seed), 30) for seed in (1, 2)]
    whole = sums_of({name: parts[0][name] + parts[1][name] for name in COLUMNS})
    merged = sums_of(parts[0])
    merged.merge(sums_of(parts[1]))
    assert vars(merged) == vars(whole)
    assert merged.copy() is not merged
    assert exposures.Sums().count == 0
