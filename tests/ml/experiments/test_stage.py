"""The stage: adds what is new, once; refuses what is broken, by name; goes on without exposures."""

import re

import numpy as np
import pytest

from ml.pages.experiments import write_experiments
from ml.warehouse import read_warehouse
from tests.ml.experiments.conftest import DAY, NAME, START, Exposure, Lab, Pledge, draw_world

CONTENT = "select * exclude (run_id, measured_at) from ml.experiment_results order by all"
COUNT = "select count(*) from ml.experiment_results"
READOUT = """create schema insights; create table insights.experiment_readout as
    select * exclude (run_id) from ml.experiment_results"""


def test_a_clear_lift_is_found_and_said(lab: Lab) -> None:
    lab.fill(*draw_world(np.random.default_rng(11), backers=2000, base=0.06, lift=0.5))
    code, out, _ = lab.run()
    assert code == 0
    assert re.search(r"experiment highlight_projects: treatment against control, look \d+", out)
    assert "stop, ship" in out
    assert out.rstrip().endswith(" s)")
    decisions = lab.sql(
        "select distinct decision from ml.experiment_results where look_number < 22"
    )
    assert decisions == [("go on",)]


def test_repeating_adds_nothing_and_says_so(lab: Lab) -> None:
    lab.fill(*draw_world(np.random.default_rng(1), backers=150))
    lab.run()
    before = lab.sql(CONTENT)
    _, out, _ = lab.run(hour=1)
    assert "as known" in out
    assert lab.sql(CONTENT) == before


def test_a_changed_design_adds_the_whole_result_and_so_does_going_back(lab: Lab) -> None:
    lab.fill(*draw_world(np.random.default_rng(1), backers=150))
    counts = []
    for hour, days in ((0, 1), (1, 7), (2, 1)):
        lab.edit("# somebody", f"#{days} somebody")
        text = lab.designs.read_text()
        lab.designs.write_text(
            re.sub(r"look_days = \d\n# what", f"look_days = {days}\n# what", text)
        )
        lab.run(hour=hour)
        counts.append(lab.sql(COUNT)[0][0])
        lab.edit(f"#{days} somebody", "# somebody")
    newest = lab.sql(
        f"{COUNT} where measured_at = (select max(measured_at) from ml.experiment_results)"
    )
    assert newest[0][0] == counts[0]
    assert counts[2] - counts[1] == counts[0]
    assert 0 < counts[1] - counts[0] < counts[0]


@pytest.mark.parametrize("days", [24, 37.5])
def test_a_later_moment_only_adds_looks(lab: Lab, days: float) -> None:
    exposures, pledges = draw_world(np.random.default_rng(4), backers=300)
    loose = [
        each._replace(exposure_id=each.exposure_id + 100_000, experiment="badge")
        for each in exposures
    ]
    rows = []
    for as_of in (START + days * DAY, START + 56 * DAY):
        lab.fill([*exposures, *loose], pledges, as_of=as_of)
        lab.run()
        rows.append(
            lab.sql(
                f"""select * exclude (run_id, measured_at, as_of) from ml.experiment_results
                where look_at <= timestamp '{START + days * DAY}' order by all"""
            )
        )
    assert len(rows[0]) > 20
    assert rows[0] == rows[1]


def test_the_same_data_in_another_order_give_the_same_bits(lab: Lab) -> None:
    exposures, pledges = draw_world(np.random.default_rng(4), backers=300)
    found = []
    for order in (1, -1):
        lab.fill(exposures[::order], pledges[::order])
        lab.run()
        found.append(lab.sql(CONTENT))
    assert found[0] == found[1]


def test_broken_exposures_are_named_and_other_experiments_go_on(lab: Lab) -> None:
    exposures, pledges = draw_world(np.random.default_rng(1), backers=60)
    other = [
        each._replace(exposure_id=each.exposure_id + 10_000, experiment="badge")
        for each in exposures
    ]
    broken = exposures[0]._replace(exposure_id=77_777, variant="blue")
    lab.fill([*exposures, *other, broken], pledges)
    code, out, _ = lab.run()
    assert code == 0
    assert "unknown variant blue in 1 exposures: 77777" in out
    assert "badge (exploratory): treatment against control, look" in out
    [(decision, reason)] = lab.sql(
        f"select decision, reason from ml.experiment_results where experiment = '{NAME}'"
    )
    assert decision == "stop, repair"
    assert "77777" in reason
    lab.sql(READOUT)
    with read_warehouse(lab.db) as warehouse:
        write_experiments(warehouse, lab.folder)
    assert reason in (lab.folder / "index.html").read_text()
    assert lab.sql("select bool_and(is_exploratory) from ml.experiment_results where"
                   " experiment = 'badge'") == [(True,)]  # fmt: skip


def test_one_arm_only_is_refused(lab: Lab) -> None:
    lab.fill([Exposure(1, "control", 1, 7, START, None, "badge")], [])
    code, out, _ = lab.run()
    assert code == 0
    assert "badge (exploratory): stop, repair: not analysed: there is one arm only: control" in out


def test_a_registered_arm_without_backers_is_said(lab: Lab) -> None:
    views = [Exposure(number, "control", number, 7, START + DAY) for number in range(12)]
    lab.fill(views, [])
    _, out, _ = lab.run()
    assert "arm treatment is empty" in out


def test_without_exposures_it_says_what_is_missing_and_goes_on(lab: Lab) -> None:
    lab.fill([], [Pledge(1, 7, 1, 10.0, START)])
    code, out, _ = lab.run()
    assert code == 0
    assert "core.fct_experiment_exposures is empty" in out
    assert lab.sql(COUNT) == [(0,)]


def test_before_the_first_look_nothing_is_said(lab: Lab) -> None:
    lab.fill([Exposure(1, "control", 1, 7, START)], [], as_of=START + DAY / 2)
    code, out, _ = lab.run()
    assert code == 0
    assert "nothing to see by AS_OF of backers first seen in the 28 days from 2023-11-06" in out


def test_a_wrong_design_and_a_missing_table_end_with_2(lab: Lab) -> None:
    lab.fill([], [])
    lab.edit("lift = 0.15", "lift = 0")
    code, _, err = lab.run()
    assert code == 2
    assert "designs.highlight_projects.lift must be" in err
    lab.edit("lift = 0", "lift = 0.15")
    lab.sql("drop table core.fct_experiment_exposures")
    code, _, err = lab.run()
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no table core.fct_experiment_exposures" in err


def test_the_page_tells_decision_interval_and_what_is_not_identified(lab: Lab) -> None:
    exposures, pledges = draw_world(np.random.default_rng(11), backers=900, base=0.06, lift=0.5)
    badge = [
        each._replace(exposure_id=each.exposure_id + 100_000, experiment="<badge>")
        for each in exposures[:2000]
    ]
    lab.fill([*exposures, *badge], pledges)
    lab.run()
    lab.sql(READOUT)
    with read_warehouse(lab.db) as warehouse:
        write_experiments(warehouse, lab.folder / "one")
        write_experiments(warehouse, lab.folder / "two")
    page = (lab.folder / "one" / "index.html").read_text()
    assert page == (lab.folder / "two" / "index.html").read_text()
    [reason] = lab.sql(
        f"select reason from ml.experiment_results where experiment = '{NAME}'"
        " and metric_role = 'primary' order by look_number desc limit 1"
    )[0]
    assert reason in page
    assert "the interval over all looks goes from" in page
    assert "Not identified by randomising backers" in page
    assert "&lt;badge&gt;" in page
    assert "exploratory" in page
    assert not re.search(r'(src|href)="(?!\.\./|#)', page)


def test_the_page_without_experiments_says_how_to_get_one(lab: Lab) -> None:
    lab.fill([], [])
    lab.run()
    lab.sql(READOUT)
    with read_warehouse(lab.db) as warehouse:
        write_experiments(warehouse, lab.folder)
    assert "No experiment" in (lab.folder / "index.html").read_text()
