"""The stage: adds what is new, once; refuses what is broken, by name; goes on without exposures."""

import re
from datetime import datetime

import numpy as np
import pytest

from pages.experiments import write
from pages.frame import Frame
from pages.links import Links
from pages.published import open_published
from pages.site import Site
from tests.ml.experiments.conftest import DAY, NAME, START, Exposure, Lab, Pledge, draw_world

CONTENT = "select * exclude (run_id, measured_at) from ml.experiment_results order by all"
COUNT = "select count(*) from ml.experiment_results"
READOUT = """create schema insights; create table insights.experiment_readout as
    select * exclude (run_id) from ml.experiment_results"""


def page_of(lab: Lab) -> str:
    site = Site(lab.folder / "site", Frame(datetime(2024, 1, 1), ()), Links({}))
    with open_published(lab.db) as published:
        write(published, site)
    return (site.root / "experiments" / "index.html").read_text()


def test_a_clear_lift_is_found_and_said(lab: Lab) -> None:
    lab.fill(*draw_world(np.random.default_rng(11), backers=2000, base=0.06, lift=0.5))
    code, out, _ = lab.run()
    assert code == 0
    assert re.search(r"experiment highlight_projects: treatment against control, look \d+", out)
    assert re.search(r"stop, ship; lift of the registered population \+\d", " ".join(out.split()))
    assert out.rstrip().endswith(" s)")
    decisions = lab.sql(
        "select distinct decision from ml.experiment_results where look_number < 28"
    )
    assert decisions == [("go on",)]


def test_repeating_adds_nothing_and_says_so(lab: Lab) -> None:
    lab.fill(*draw_world(np.random.default_rng(1), backers=150))
    lab.run()
    before = lab.sql(CONTENT)
    _, out, _ = lab.run(hour=1)
    [(low, high)] = lab.sql(
        """select 100 * lift_ratio_low, 100 * lift_ratio_high from ml.experiment_results
        where metric_role = 'primary' order by look_number desc limit 1"""
    )
    undecided = r"go on; lift of the registered population [-+\d.]+ % "
    said = re.search(undecided + r"(\[[^]]+\])", " ".join(out.split()))
    assert said is not None, out
    assert said[1] == f"[{low:+.1f}, {high:+.1f}]"
    assert "nothing new since the last run" in " ".join(out.split())
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
    """Of a registered experiment; the looks of an exploratory one end at `AS_OF`."""
    exposures, pledges = draw_world(np.random.default_rng(4), backers=300)
    rows = []
    for as_of in (START + days * DAY, START + 56 * DAY):
        lab.fill(exposures, pledges, as_of=as_of)
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
    assert reason in page_of(lab)
    assert lab.sql("select bool_and(is_exploratory) from ml.experiment_results where"
                   " experiment = 'badge'") == [(True,)]  # fmt: skip


@pytest.fixture(scope="module")
def short_test() -> tuple[list[Exposure], list[Pledge]]:
    """Two weeks of an A/B test without a design: 2,000 players enter evenly, arms are uneven."""
    rng = np.random.default_rng(3)
    exposures: list[Exposure] = []
    pledges: list[Pledge] = []
    for backer in range(2000):
        first_at = START + backer / 2000 * 14 * DAY
        pledge = None
        if rng.random() < 0.2:
            pledge = len(pledges)
            pledges.append(Pledge(pledge, 7, backer, 5.0, first_at + DAY / 2))
        variant = "gate_30" if backer % 2000 < 941 else "gate_40"
        exposures.append(Exposure(backer, variant, backer, 7, first_at, pledge, "gate"))
    order = rng.permutation(2000)
    mixed = [each._replace(variant=exposures[place].variant)
             for each, place in zip(exposures, order, strict=True)]  # fmt: skip
    return mixed, pledges


def test_an_experiment_without_a_design_gets_a_window_that_fits_its_days(
    lab: Lab, short_test: tuple[list[Exposure], list[Pledge]]
) -> None:
    """A window of 21 days would be over for nobody: no p-value at all."""
    lab.fill(*short_test, as_of=START + 14 * DAY)
    code, out, _ = lab.run()
    assert code == 0
    looks = lab.sql(
        """select look_at, window_days, first_window_closes_at, control_backer_count
                + treatment_backer_count, p_value is not null
        from ml.experiment_results where metric_role = 'primary' order by 1"""
    )
    assert looks[-1] == (START + 14 * DAY, 7, START + 7 * DAY, 1001, True)
    assert "windows of 7 days, the first was over on 13 Nov 2023" in " ".join(out.split())
    assert "for this look alone" in out


def test_uneven_arms_without_a_design_are_information(
    lab: Lab, short_test: tuple[list[Exposure], list[Pledge]]
) -> None:
    lab.fill(*short_test, as_of=START + 14 * DAY)
    _, out, _ = lab.run()
    counts = "941 and 1,059 backers seen, p = 0.0089 against equal shares (information only)"
    assert counts in " ".join(out.split())
    [last] = lab.sql(
        """select decision, sample_ratio_threshold, is_sample_ratio_broken
        from ml.experiment_results where metric_role = 'primary' order by look_at desc limit 1"""
    )
    assert last == ("go on", None, False)
    lab.sql(READOUT)
    page = " ".join(page_of(lab).split())
    assert "against equal shares: 0.0089. Information only" in page
    assert "Window: 7 days from a backer's first view" in page


def test_before_the_first_window_is_over_its_date_is_said(
    lab: Lab, short_test: tuple[list[Exposure], list[Pledge]]
) -> None:
    exposures, pledges = short_test
    arms = {"gate_30": "control", "gate_40": "treatment"}
    registered = [each._replace(experiment=NAME, variant=arms[each.variant]) for each in exposures]
    lab.fill(registered, pledges, as_of=START + 14 * DAY)
    _, out, _ = lab.run()
    assert (
        "no two backers whose window is over yet (the first window ends on 27 Nov 2023)"
        in " ".join(out.split())
    )


@pytest.mark.parametrize(("days", "window"), [(0.01, 2), (3, 2), (9, 4), (28, 14), (90, 21)])
def test_the_window_leaves_half_of_the_backers_and_is_never_above_21(
    lab: Lab, short_test: tuple[list[Exposure], list[Pledge]], days: float, window: int
) -> None:
    exposures, _ = short_test
    stretch = days / 14
    shown = [
        each._replace(exposed_at=START + (each.exposed_at - START) * stretch, pledge_id=None)
        for each in exposures
    ]
    lab.fill(shown, [], as_of=START + days * DAY)
    code, _, err = lab.run()
    assert (code, err) == (0, "")
    assert lab.sql("select distinct window_days from ml.experiment_results") == [(window,)]


def test_a_long_finished_experiment_is_read_to_its_end(
    lab: Lab, short_test: tuple[list[Exposure], list[Pledge]]
) -> None:
    lab.fill(*short_test, as_of=START + 400 * DAY)
    lab.run()
    counts = lab.sql(
        """select control_backer_count + treatment_backer_count
        from ml.experiment_results where metric_role = 'primary' order by look_at"""
    )
    assert counts[-1] == (2000,)
    assert len(counts) == 5


def test_one_arm_only_is_refused(lab: Lab) -> None:
    lab.fill([Exposure(1, "control", 1, 7, START, None, "badge")], [])
    code, out, _ = lab.run()
    assert code == 0
    assert "badge (exploratory): stop, repair: not analysed: there is one arm only: control" in out


def test_a_registered_arm_without_backers_is_said(lab: Lab) -> None:
    views = [Exposure(number, "control", number, 7, START + DAY) for number in range(12)]
    lab.fill(views, [])
    _, out, _ = lab.run()
    assert "arm treatment is empty" in " ".join(out.split())


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
    assert "nothing to see by AS_OF of backers first seen in the 28 days from 6 Nov 2023" in out


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
    page = page_of(lab)
    assert page_of(lab) == page
    [reason] = lab.sql(
        f"select reason from ml.experiment_results where experiment = '{NAME}'"
        " and metric_role = 'primary' order by look_number desc limit 1"
    )[0]
    assert reason in page
    assert "the interval over all looks goes from" in page
    assert "Not identified by randomising backers" in page
    assert "&lt;badge&gt;" in page
    assert "exploratory" in page
    assert not re.search(r'(src|href)="(?!\.\./|#|data:,")', page)


def test_the_page_without_experiments_says_how_to_get_one(lab: Lab) -> None:
    lab.fill([], [])
    lab.run()
    lab.sql(READOUT)
    assert "No experiment" in page_of(lab)


def test_the_page_names_views_that_cannot_be_analysed_yet(lab: Lab) -> None:
    lab.fill([Exposure(1, "control", 1, 7, START)], [], as_of=START + DAY / 2)
    lab.run()
    lab.sql(READOUT)
    page = " ".join(page_of(lab).split())
    assert f"{NAME}: 1 view from 6 Nov 2023 to 6 Nov 2023, but none yet by backers" in page
    assert "is empty" not in page
