"""What each look says: decisions in words, intervals over all looks, nothing from the future."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from ml.experiments.designs import Design
from ml.experiments.exposures import COLUMNS, PAIRS, Look, Sums
from ml.experiments.readout import Reading, read
from ml.experiments.testing import planned_information, progress
from ml.experiments.verdicts import GO_ON, HARM, NO_EFFECT, REPAIR, SHIP

VIEWS = 20
FIRST = 28  # the look at which the minimum run is over


def arm_sums(backers: int, rate: float) -> Sums:
    """Backers with VIEWS views each, of whom a binomial share converts: exact moments."""
    place = {name: number for number, name in enumerate(COLUMNS)}
    mean, square = VIEWS * rate, VIEWS * rate * (1 - rate) + (VIEWS * rate) ** 2
    totals, products = [0] * len(COLUMNS), dict.fromkeys(PAIRS, 0)
    totals[place["views"]] = VIEWS * backers
    totals[place["conversions"]] = round(mean * backers)
    products["views", "views"] = VIEWS**2 * backers
    products["conversions", "conversions"] = round(square * backers)
    products["views", "conversions"] = VIEWS * totals[place["conversions"]]
    sums = Sums()
    sums.add(backers, [*totals, *products.values()])
    return sums


def a_look(
    design: Design, number: int, backers: int, rates: tuple[float, float], extra: int = 0
) -> Look:
    control, treatment = (arm_sums(backers, rate) for rate in rates)
    return Look(
        number,
        design.look_at(number),
        {"control": backers + 10 + extra, "treatment": backers + 10},
        {"control": control, "treatment": treatment},
    )


def primary(rows: list[Reading]) -> list[Reading]:
    return [row for row in rows if row.metric_role == "primary"]


def backers_for(design: Design, fraction: float, rates: tuple[float, float]) -> int:
    spread = sum(rate * (1 - rate) for rate in rates) / VIEWS
    return round(fraction * planned_information(design) * spread)


def looks_at(
    design: Design, fractions: list[float], rates: tuple[float, float], extra: int = 0
) -> list[Look]:
    return [
        a_look(design, FIRST + number, backers_for(design, fraction, rates), rates, extra)
        for number, fraction in enumerate(fractions)
    ]


def test_a_clear_lift_ships_at_the_look_that_shows_it_and_stays_decided(design: Design) -> None:
    rows = primary(read(design, looks_at(design, [0.2, 0.5, 0.7, 1.02], (0.05, 0.065))))
    assert [row.decision for row in rows] == [GO_ON, SHIP, SHIP, SHIP]
    first = rows[1]
    assert first.statistic is not None
    assert first.boundary is not None
    assert first.statistic >= first.boundary
    assert first.is_significant
    assert "z = " in first.reason
    assert "reached" in first.reason
    assert rows[2].reason == f"decided at look 29, 5 Dec 2023: {first.reason}"


def test_harm_stops_in_words(design: Design) -> None:
    [row] = primary(read(design, looks_at(design, [0.8], (0.05, 0.038))))
    assert row.decision == HARM == "stop, harm"
    assert row.reason.startswith("conversion differs by -1.20 points (-24.0 %)")


def test_all_planned_information_without_a_crossing_stops(design: Design) -> None:
    rows = primary(read(design, looks_at(design, [0.6, 1.01, 1.2], (0.05, 0.0535))))
    assert [row.decision for row in rows] == [GO_ON, NO_EFFECT, NO_EFFECT]
    assert "all planned information is there" in rows[1].reason
    assert rows[1].alpha_spent == pytest.approx(0.05)
    # the estimate goes on to the whole registered population; the test does not
    assert rows[2].lift_ratio is not None
    assert (rows[2].boundary, rows[2].alpha_spent) == (None, None)
    assert rows[2].reason == f"decided at look 29, 5 Dec 2023: {rows[1].reason}"


def test_no_effect_half_way_is_futile_but_not_for_good(design: Design) -> None:
    half, later = (
        looks_at(design, [share], rates)[0]
        for share, rates in ((0.5, (0.05, 0.047)), (0.9, (0.05, 0.062)))
    )
    rows = primary(read(design, [half, later._replace(number=29)]))
    assert rows[0].decision == NO_EFFECT
    assert "the chance to still find +15 % is " in rows[0].reason
    assert rows[0].conditional_power is not None
    assert rows[0].conditional_power < 0.1
    assert rows[1].decision == SHIP  # not binding: going on was valid


def test_the_last_registered_look_says_so(design: Design) -> None:
    rates = (0.05, 0.055)
    look = a_look(design, design.look_count, backers_for(design, 0.3, rates), rates)
    [row] = primary(read(design, [look]))
    assert row.decision == GO_ON
    assert "the registered run is over" in row.reason


def test_too_few_backers_are_not_tested(design: Design) -> None:
    [row] = primary(read(design, [a_look(design, FIRST, 9, (0.1, 0.9))]))
    assert (row.decision, row.boundary) == (GO_ON, None)
    assert "an arm has 9 backers whose window is over, 10 are needed" in row.reason
    assert row.difference == pytest.approx(0.8, abs=0.05)


def test_a_look_with_hardly_anything_new_is_not_tested(design: Design) -> None:
    rows = primary(read(design, looks_at(design, [0.5, 0.502, 0.6], (0.05, 0.055))))
    assert [row.boundary is None for row in rows] == [False, True, False]
    assert rows[1].reason == (
        "not tested again: less than 1 % new information since look 28, 4 Dec 2023:"
        f" {rows[0].reason}"
    )


def test_zero_variance_and_an_empty_arm_are_said(design: Design) -> None:
    nobody = a_look(design, 30, 500, (0.0, 0.0))
    [row] = primary(read(design, [nobody]))
    assert (row.decision, row.difference, row.statistic) == (GO_ON, None, None)
    assert "nothing varies in either arm" in row.reason
    empty = nobody._replace(
        exposed={"control": 5, "treatment": 0},
        sums={"control": arm_sums(5, 0.2), "treatment": Sums()},
    )
    [row] = primary(read(design, [empty]))
    assert row.reason == "arm treatment is empty: no backer was seen in it"


def test_uneven_arms_stop_everything_for_good(design: Design) -> None:
    looks = looks_at(design, [0.3, 0.8], (0.05, 0.07), extra=0)
    spoilt = looks[0]._replace(exposed={"control": 2000, "treatment": 1500})
    rows = read(design, [spoilt, looks[1]])
    assert {row.decision for row in rows} == {REPAIR}
    assert all(row.is_sample_ratio_broken for row in rows)
    assert "2,000 and 1,500 backers" in rows[0].reason


def test_registered_shares_are_what_arms_are_compared_with(design: Design) -> None:
    look = looks_at(design, [0.3], (0.05, 0.052))[0]
    look = look._replace(exposed={"control": 2000, "treatment": 1000})
    assert primary(read(design, [look]))[0].decision == REPAIR
    two_to_one = replace(design, arms={"control": 2, "treatment": 1})
    assert primary(read(two_to_one, [look]))[0].decision != REPAIR


def test_the_interval_over_all_looks_is_wider_and_tells_the_crossing(design: Design) -> None:
    rows = primary(read(design, looks_at(design, [0.1, 0.3, 0.5, 0.7, 1.0], (0.05, 0.0575))))
    for row in rows:
        assert row.repeated_difference_low is not None
        assert row.difference_low is not None
        assert row.repeated_difference_low < row.difference_low
        assert (row.repeated_difference_low > 0) == row.is_significant


def test_no_row_depends_on_a_later_look(design: Design) -> None:
    rng = np.random.default_rng(8)
    shares = np.cumsum(rng.uniform(0.005, 0.2, 12)).tolist()
    looks = looks_at(design, shares, (0.05, 0.056))
    all_rows = read(design, looks)
    for count in range(1, len(looks)):
        rows = read(design, looks[:count])
        expected = all_rows[: len(rows)]
        for row, wanted in zip(rows, expected, strict=True):
            for value, other in zip(row, wanted, strict=True):
                assert value == (pytest.approx(other) if isinstance(other, float) else other)


def test_secondary_metrics_wait_for_the_primary_and_share_their_alpha(design: Design) -> None:
    rates = (0.05, 0.052)
    looks = looks_at(design, [0.6], rates)
    backers = backers_for(design, 0.6, rates)
    control, treatment = arm_sums(backers, rates[0]), arm_sums(backers, rates[1])
    with_money = []
    for sums, price in ((control, 1000), (treatment, 2000)):
        conversions = sums.total("conversions")
        totals = [0] * len(COLUMNS)
        totals[COLUMNS.index("amount")] = conversions * price
        products = dict.fromkeys(PAIRS, 0)
        square = sums._products[PAIRS.index(("conversions", "conversions"))]
        products["amount", "amount"] = square * price * price
        products["conversions", "amount"] = square * price
        products["views", "amount"] = VIEWS * conversions * price
        sums.add(0, [*totals, *products.values()])
        with_money.append(sums)
    look = looks[0]._replace(sums=dict(zip(design.arms, with_money, strict=True)))
    rows = {row.metric: row for row in read(design, [look])}
    per_view = rows["amount_per_view"]
    assert per_view.statistic is not None
    assert per_view.boundary is not None
    assert per_view.statistic > per_view.boundary  # it crossed, but claims nothing
    assert not per_view.is_significant
    assert not rows["conversion_ratio"].is_significant
    assert per_view.boundary > rows["conversion_ratio"].boundary  # type: ignore[operator]
    assert per_view.adjusted_p_value == pytest.approx(2 * per_view.p_value, rel=0.5)


def test_an_exploratory_experiment_decides_nothing(design: Design) -> None:
    loose = replace(design, plan=None)
    [row] = primary(read(loose, looks_at(design, [0.9], (0.05, 0.09))))
    assert row.is_exploratory
    assert (row.decision, row.boundary) == (GO_ON, None)
    assert "exploratory, no design was registered, so this decides nothing" in row.reason
    assert "conversion differs by +4.00 points" in row.reason
    assert row.p_value is not None
    assert row.p_value < 1e-6


def test_shares_that_change_on_the_way_are_said_of_an_exploratory_experiment(
    design: Design,
) -> None:
    """No design says what the shares should be; that they change is wrong whatever they are."""
    loose = replace(design, plan=None)
    looks = looks_at(design, [0.3, 0.6], (0.05, 0.06))
    for second, is_said in ((1000, False), (700, True)):
        exposed = [{"control": 2000, "treatment": 1000}, {"control": 4000, "treatment": 1000}]
        exposed[1]["treatment"] += second
        changed = [look._replace(exposed=each) for look, each in zip(looks, exposed, strict=True)]
        first, last = primary(read(loose, changed))
        assert "changed on the way" not in first.reason
        assert ("the shares of the arms changed on the way (p = " in last.reason) == is_said
        assert (last.decision, last.is_sample_ratio_broken) == (GO_ON, False)


def test_several_treatments_share_the_error(design: Design) -> None:
    three = replace(design, arms={"control": 1, "treatment": 1, "third": 1})
    rates = (0.05, 0.05)
    [look] = looks_at(design, [0.4], rates)
    look = look._replace(
        exposed=look.exposed | {"third": look.exposed["control"]},
        sums=look.sums | {"third": look.sums["control"].copy()},
    )
    rows = primary(read(three, [look]))
    assert [row.treatment for row in rows] == ["treatment", "third"]
    [alone] = primary(read(design, [look]))
    assert rows[0].boundary is not None
    assert alone.boundary is not None
    assert rows[0].boundary > alone.boundary
    assert rows[0].sample_ratio_threshold == pytest.approx(
        alone.sample_ratio_threshold / 2  # type: ignore[operator]
    )


def test_planned_information_is_that_of_the_z_test(design: Design) -> None:
    single = (norm.isf(0.025) + norm.ppf(0.8)) / (0.05 * 0.15)
    assert planned_information(design) == pytest.approx(1.049 * single**2, rel=2e-3)


def test_nothing_is_tested_before_a_whole_week_of_entry_is_over(design: Design) -> None:
    """One day of backers may hold all planned information: it speaks for that day alone."""
    rates = (0.05, 0.065)
    backers = backers_for(design, 1.5, rates)
    looks = [a_look(design, number, backers, rates) for number in (22, 27, 28, 30)]
    rows = primary(read(design, looks))
    assert [row.decision for row in rows] == [GO_ON, GO_ON, SHIP, SHIP]
    assert [row.boundary is None for row in rows] == [True, True, False, True]
    assert rows[0].lift_ratio == rows[2].lift_ratio
    assert rows[1].reason.startswith(
        "nothing is tested before the minimum run is over: windows are over of 6 of 7 days of"
        " entry and of "
    )


def test_nothing_is_tested_before_its_share_of_the_registered_population_is_over(
    design: Design,
) -> None:
    rates = (0.05, 0.065)
    look = a_look(design, FIRST, backers_for(design, 1.5, rates), rates)
    seen = sum(each.count for each in look.sums.values())
    for more, decision in ((1.02, GO_ON), (0.98, SHIP)):
        exposed = dict.fromkeys(design.arms, round(seen * more))
        [row] = primary(read(design, [look._replace(exposed=exposed)]))
        assert row.decision == decision
    [row] = primary(read(design, [look._replace(exposed=dict.fromkeys(design.arms, seen * 2))]))
    assert row.reason.endswith("and of 25 % of the registered population (50 % needed)")


def test_backers_who_will_still_enter_belong_to_the_registered_population(design: Design) -> None:
    long = replace(design, enrol_days=280)
    look = a_look(long, FIRST, 1000, (0.05, 0.05))
    found = progress(long, look)
    assert found.population_share == pytest.approx(2000 / (2020 * 280 / 28))
    assert (found.entry_days, found.is_enough) == (7, False)
