"""Sums per look, replayed from the data, and the exposures that no analysis may use."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from ml.experiments import exposures
from ml.experiments.designs import Design
from tests.ml.experiments.conftest import DAY, NAME, START, Exposure, Lab, Pledge, draw_world

PLEDGES = [Pledge(1, 7, 1, 10.0, START + 3 * DAY), Pledge(2, 8, 2, 20.0, START + 3 * DAY)]


def brute_force(
    design: Design, views: list[Exposure], pledges: list[Pledge], look_at: datetime
) -> dict[str, list[dict[str, int]]]:
    """The definition in words, backer by backer, without any SQL."""
    paid = {pledge.pledge_id: pledge for pledge in pledges}
    shown_at: dict[int, datetime] = {}
    for view in views:
        shown_at[view.project_id] = min(
            view.exposed_at, shown_at.get(view.project_id, view.exposed_at)
        )
    found: dict[str, list[dict[str, int]]] = {arm: [] for arm in design.arms}
    for backer_id in {view.backer_id for view in views}:
        own = [view for view in views if view.backer_id == backer_id]
        first_at = min(view.exposed_at for view in own)
        closes_at = first_at + design.window_days * DAY
        if first_at >= START + design.enrol_days * DAY or closes_at > look_at:
            continue
        counted = [view for view in own if view.exposed_at < first_at + design.view_days * DAY]
        led_to = {
            view.pledge_id
            for view in counted
            if view.pledge_id is not None
            and paid[view.pledge_id].pledged_at < view.exposed_at + design.conversion_days * DAY
        }
        row = dict.fromkeys(exposures.COLUMNS, 0)
        row |= {"views": len(counted), "conversions": len(led_to)}
        row["amount"] = sum(round(100 * paid[each].amount) for each in led_to)
        for pledge in pledges:
            if pledge.backer_id != backer_id:
                continue
            cents = round(100 * pledge.amount)
            if first_at - design.pre_days * DAY <= pledge.pledged_at < first_at:
                row["pre"] += cents
            elif first_at <= pledge.pledged_at < closes_at:
                is_shown = shown_at.get(pledge.project_id, closes_at) < closes_at
                row["shown" if is_shown else "elsewhere"] += cents
                row["net"] += cents
        found[own[0].variant].append(row)
    return found


def content(look: exposures.Look) -> tuple[Any, ...]:
    return look.number, look.look_at, look.exposed, {k: vars(v) for k, v in look.sums.items()}


def test_sums_are_those_of_the_definition(lab: Lab, design: Design) -> None:
    views, pledges = draw_world(np.random.default_rng(2), backers=80)
    # several views may name one pledge: it counts once
    twice = next(view for view in views if view.pledge_id is not None)
    views.append(twice._replace(exposure_id=9_999))
    lab.fill(views, pledges)
    with lab.open() as warehouse:
        looks = exposures.looks(warehouse, design, START + 56 * DAY)
    for look in (looks[20], looks[21], looks[30], looks[-1]):
        expected = brute_force(design, views, pledges, look.look_at)
        for arm, rows in expected.items():
            sums = look.sums[arm]
            assert sums.count == len(rows)
            for column in exposures.COLUMNS:
                assert sums.total(column) == sum(row[column] for row in rows), (arm, column)
            if len(rows) > 1:
                matrix = np.array([[row[name] for name in exposures.COLUMNS] for row in rows])
                aggregates = sums.aggregates(exposures.COLUMNS)
                wanted = np.cov(matrix, rowvar=False)
                for place, name in enumerate(exposures.COLUMNS):
                    assert aggregates.var(name) == pytest.approx(wanted[place, place])
                    assert aggregates.cov("net", "pre") == pytest.approx(wanted[6, 3])
    assert looks[-1].look_at == START + 49 * DAY


def test_backers_seen_are_those_who_entered_before_the_look(lab: Lab, design: Design) -> None:
    views, pledges = draw_world(np.random.default_rng(3), backers=60)
    lab.fill(views, pledges)
    with lab.open() as warehouse:
        looks = exposures.looks(warehouse, design, START + 56 * DAY)
    first: dict[int, Exposure] = {}
    for view in sorted(views, key=lambda view: view.exposed_at):
        first.setdefault(view.backer_id, view)
    for look in looks:
        until = min(look.look_at, START + design.enrol_days * DAY)
        entered = [view.variant for view in first.values() if view.exposed_at < until]
        assert look.exposed == {arm: entered.count(arm) for arm in design.arms}


@pytest.mark.parametrize("days", [22, 30.25, 40])
def test_a_later_moment_only_adds_looks(lab: Lab, design: Design, days: float) -> None:
    world = draw_world(np.random.default_rng(4), backers=80)
    seen = []
    for as_of in (START + days * DAY, START + 56 * DAY):
        lab.fill(*world, as_of=as_of)
        with lab.open() as warehouse:
            seen.append([content(look) for look in exposures.looks(warehouse, design, as_of)])
    assert seen[0] == seen[1][: len(seen[0])]
    assert len(seen[0]) == int(days)


@pytest.mark.parametrize(
    ("views", "problem"),
    [
        ([Exposure(5, "blue", 1, 7, START)], "unknown variant blue in 1 exposures: 5"),
        (
            [Exposure(5, "control", 1, 7, START), Exposure(6, "treatment", 1, 7, START + DAY)],
            "a backer in more than one arm in 2 exposures: 5, 6",
        ),
        (
            [Exposure(5, "control", 1, 7, START + 3 * DAY, 1)],
            "a view not before its pledge in 1 exposures: 5",
        ),
        (
            [Exposure(5, "control", 1, 8, START, 1), Exposure(6, "control", 3, 7, START, 1)],
            "a pledge by another backer or on another project in 2 exposures: 5, 6",
        ),
        (
            [Exposure(number, "blue", 1, 7, START) for number in range(9)],
            "unknown variant blue in 9 exposures: 0, 1, 2, 3, 4, …",
        ),
    ],
)
def test_unusable_exposures_are_named(
    lab: Lab, design: Design, views: list[Exposure], problem: str
) -> None:
    lab.fill([*views, Exposure(99, "control", 2, 8, START, 2)], PLEDGES)
    with lab.open() as warehouse:
        assert [str(each) for each in exposures.violations(warehouse, design)] == [problem]


@pytest.mark.parametrize("amount", [0, -5])
def test_a_pledge_of_nothing_or_less_is_named(lab: Lab, design: Design, amount: float) -> None:
    lab.fill(
        [Exposure(5, "control", 1, 7, START, 1), Exposure(6, "control", 2, 8, START, 2)],
        [PLEDGES[0], PLEDGES[1]._replace(amount=amount)],
    )
    with lab.open() as warehouse:
        found = exposures.violations(warehouse, design)
    assert [str(each) for each in found] == ["a pledge of nothing or less in 1 exposures: 6"]


def test_experiments_do_not_mix(lab: Lab, design: Design) -> None:
    own, other = Exposure(1, "control", 1, 7, START), Exposure(2, "b", 1, 7, START, None, "another")
    lab.fill([own, other], [])
    with lab.open() as warehouse:
        assert [each.name for each in exposures.experiments(warehouse)] == ["another", NAME]
        assert exposures.violations(warehouse, design) == []
        last = exposures.looks(warehouse, design, START + 56 * DAY)[-1]
    assert last.sums["control"].total("views") == 1


def test_amounts_of_any_size_are_exact(lab: Lab, design: Design) -> None:
    lab.fill([Exposure(1, "control", 1, 7, START, 1)], [PLEDGES[0]])
    lab.sql(
        "update core.fct_pledges set amount = '9999999999999999.99',"
        " pledged_at = '2023-11-06 01:00'"
    )
    with lab.open() as warehouse:
        last = exposures.looks(warehouse, design, START + 56 * DAY)[-1]
    assert last.sums["control"].total("amount") == 999_999_999_999_999_999
