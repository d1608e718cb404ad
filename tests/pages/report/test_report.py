"""The modeling report: what it claims, to whom it speaks, and what it says when little is known."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from markupsafe import Markup

from pages.frame import Frame
from pages.links import Links
from pages.published import open_published
from pages.registry import NAVIGATION
from pages.report import history
from pages.report.facts import Tried
from pages.report.features import FeatureGroup, grouped
from pages.report.page import write
from pages.site import Site
from tests.ml.conftest import Platform
from tests.ml.made_world import AS_OF

CEILING = """
    insert into ml.model_metrics by name
    select * replace (
        model_version || '/observable_ceiling' as model_version,
        'observable_ceiling' as predictor,
        case metric when 'accuracy' then 0.9137 else value end as value)
    from ml.model_metrics
    where model_version in (select model_version from ml.model_runs where is_champion)"""


class Report:
    """The two files of a report."""

    def __init__(self, platform: Platform) -> None:
        site = Site(platform.folder / "site", Frame(datetime(2024, 1, 1), ()), Links({}))
        folder = site.root / "report"
        with open_published(platform.db) as published:
            write(published, site)
        self.page = (folder / "index.html").read_text()
        self.markdown = (folder / "modeling_report.md").read_text()

        self.body = self.page.split('<main id="main">')[1].split("</main>")[0]

    @property
    def text(self) -> str:
        """What a reader of the page sees, and what is read aloud of its charts."""
        shown = re.sub(r"<script.*?</script>", " ", self.body, flags=re.DOTALL)
        return without_tags(
            re.sub(r'<div class="drawing" [^>]*aria-label="([^"]*)">', r"\1 ", shown)
        )

    @property
    def points(self) -> list[dict[str, Any]]:
        """What can be pointed at in its charts."""
        found = re.findall(r'<script type="application/json">(.*?)</script>', self.body)
        return [point for each in found for point in points_of(json.loads(each))]

    @property
    def text_without_charts(self) -> str:
        sections = self.body[self.body.index("<h2 ") :]
        pattern = r'<figure class="chart".*?</figure>'
        return without_tags(re.sub(pattern, " ", sections, flags=re.DOTALL))


def undrawn(platform: Platform) -> Report:
    """A report with empty pictures, to ask for its words: drawing is three quarters of its cost."""
    with patch("pages.charts._drawing", return_value=Markup("<svg ></svg>")):
        return Report(platform)


def points_of(specification: Any) -> Iterator[dict[str, Any]]:
    """The rows of data anywhere in the specification of a chart."""
    if isinstance(specification, dict):
        if isinstance(values := specification.get("values"), list):
            yield from (value for value in values if isinstance(value, dict))
        for each in specification.values():
            yield from points_of(each)
    elif isinstance(specification, list):
        for each in specification:
            yield from points_of(each)


def without_tags(page: str) -> str:
    """What stands between the tags; those inside a sentence leave no gap."""
    inside = re.sub(r"</?(?:span|small|code)[^>]*>", "", page)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split())


@pytest.fixture(scope="module")
def report(finished_world: Platform) -> Report:
    return Report(finished_world)


@pytest.mark.parametrize("with_ceiling", [False, True])
def test_no_accuracy_stands_outside_of_a_claim(finished: Platform, with_ceiling: bool) -> None:
    if with_ceiling:
        finished.sql(CEILING)
    low, value, high = unseen(Report(finished), 3)
    finished.sql(
        f"update ml.model_metrics set value = {value}, ci_low = {low}, ci_high = {high}"
        " where metric = 'accuracy' and predictor <> 'observable_ceiling'"
    )
    after = Report(finished)
    claim = re.compile(
        rf"{100 * value:.1f} % \[{100 * low:.1f}, {100 * high:.1f}\]"
        r" \((at \w+|all prediction times), majority guess ([\d.]+) %"
        r"(?:, best achievable ([\d.]+ %))?\)"
    )
    for text in (after.text, after.markdown):
        found = claim.findall(text)
        assert len(found) > 40
        assert all(float(guess) >= 50 for _, guess, _ in found)
        assert ("91.4 %" in {ceiling for *_, ceiling in found}) == with_ceiling
        if not with_ceiling:
            assert {ceiling for *_, ceiling in found} == {""}
        assert text.count("Best achievable accuracy is known for generated data only") == 1
        rest = claim.sub("", text)
        for figure in (low, value, high):
            assert f"{100 * figure:.1f}" not in rest
            assert f"{figure:.3f}" not in rest
    drawn = [point for point in after.points if point.get("value") == 100 * value]
    assert len(drawn) > 10
    for point in drawn:
        assert {"prediction_time", "majority_guess"} <= set(point)
        assert point["majority_guess"] >= 50
        assert (point["low"], point["high"]) == (100 * low, 100 * high)


def unseen(report: Report, count: int) -> list[float]:
    """Shares that the report does not show, rising."""
    text = report.text + report.markdown
    thousandths = [
        each
        for each in range(850, 1000)
        if f"{each / 10:.1f}" not in text and f"{each / 1000:.3f}" not in text
    ]
    return [each / 1000 for each in thousandths[:count]]


def test_page_and_markdown_have_the_same_figures(report: Report) -> None:
    def figures(text: str) -> list[str]:
        return re.findall(r"\d[\d,.]*", text)

    body = report.markdown.split("\n", 1)[1].replace("`", "")
    assert figures(report.text_without_charts) == figures(body)
    assert len(figures(body)) > 500


def test_page_loads_nothing_from_outside(report: Report) -> None:
    assert set(re.findall(r'[\w:]*="https?://[^"]*"', report.page)) <= {
        'xmlns="http://www.w3.org/2000/svg"',
        'xmlns:xlink="http://www.w3.org/1999/xlink"',
    }
    named = r'xmlns[:\w]*="[^"]*"|"\$schema":"https://vega.github.io/schema/vega-lite/[\w.]*"'
    assert re.findall(r"https?:", re.sub(named, "", report.page)) == []
    page = report.page.replace('<script type="application/json">', "")
    assert re.findall(r"@import|url\(\s*[\"']?(?!#)", page) == []
    assert re.findall(r'<script[^>]*>|\ssrc="[^"]*"', page) == [
        '<script defer src="../assets/site.js">'
    ]
    assert re.findall(r"<link[^>]*>", page) == [
        '<link rel="icon" href="data:,">',
        '<link rel="stylesheet" href="../assets/site.css">',
    ]
    links = set(re.findall(r'<a[^>]* href="([^"#]+)"', page))
    assert links == {"modeling_report.md", "../index.html"} | {
        f"../{each.path}" for each in NAVIGATION
    }
    for name in re.findall(r'<a[^>]* href="#([^"]+)"', report.page):
        assert f'id="{name}"' in report.page


def test_every_chart_has_a_description(report: Report) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]*)"', report.page)
    assert report.page.count("<svg ") == 2 * len(labels)  # wide, and for phones
    assert len(labels) == report.markdown.count("*Chart:* ")
    assert len(labels) == 6
    assert all(len(label) > 60 for label in labels)
    assert len(re.findall(r'</figure>\s*<p class="about">', report.page)) == len(labels)


def test_same_tables_give_the_same_bytes(finished: Platform) -> None:
    first, second = Report(finished), Report(finished)
    assert first.page == second.page
    assert first.markdown == second.markdown


def test_leak_is_marked_and_cards_are_whole(report: Report, finished_world: Platform) -> None:
    assert "LEAKING, for comparison only: boosting with the final totals" in report.text
    rows = finished_world.sql(
        "select model_version, artifact_sha256, estimator from ml.model_runs where is_champion"
    )
    assert len(rows) == 2
    for row in rows:
        for value in row:
            assert f"{value}" in report.text
    given = finished_world.setting("project_success").hyperparameters
    assert f"n_estimators = {given['n_estimators']}" in report.text
    for name in finished_world.setting("milestone_risk").features.names:
        assert name in report.text


def test_a_card_tells_priors_apart_from_where_they_grow() -> None:
    priors = {"random_forest": 0.25, "base_rate": 0.4, "trees_grow_from": 50}
    manifest = {"estimator": "LogOddsMean", "hyperparameters": priors, "seed": 7}
    told = history._hyperparameters(manifest)
    assert told == (
        "priors of the weights `random_forest = 0.25`, `base_rate = 0.4`"
        " (from 50 projects on trees count for more), seed 7"
    )


def test_features_stand_in_their_groups_and_what_is_gone_comes_last() -> None:
    groups = (
        FeatureGroup("Plan", "launch", ("goal", "category")),
        FeatureGroup("Past", "launch", ("count",)),
    )
    assert grouped(groups, ["category", "goal", "gone"]) == [
        FeatureGroup("Plan", "launch", ("category", "goal")),
        FeatureGroup("Others", "no longer among the features", ("gone",)),
    ]


def test_truth_of_one_prediction_time_is_not_that_of_all(finished: Platform) -> None:
    """The oracle knows milestones at their start only."""
    finished.sql(
        "insert into ml.model_metrics by name select * replace ('expected_accuracy' as metric,"
        " 0.8333 as value) from ml.model_metrics where metric = 'accuracy'"
        " and predictor in ('random_forest', 'gradient_boosting') and (snapshot_kind = 'all'"
        " or snapshot_kind = 'start')"
    )
    page = undrawn(finished).text
    assert re.search(r"83\.3 % \[[^]]*\] \(at start", page)
    assert not re.search(r"83\.3 % \[[^]]*\] \(all prediction times", page)


def test_skipped_model_says_why(fresh: Platform) -> None:
    fresh.sql("delete from features.milestone_labels where milestone_id > 20")
    assert fresh.run("train", "predict", "monitor").code == 0
    report = undrawn(fresh)
    [(reason,)] = fresh.sql("select reason from ml.model_runs where status = 'skipped'")
    for text in (report.text, report.markdown.replace("`", "")):
        assert f"milestone_risk was skipped and predicts nothing: {reason}." in text
    assert "at d3" in report.text


def test_platform_without_milestones(fresh: Platform) -> None:
    for table in ("core.fct_milestones", "features.milestone_features"):
        fresh.sql(f"delete from {table}")
    fresh.sql("delete from features.milestone_labels")
    assert fresh.run("train", "predict", "monitor").code == 0
    report = undrawn(fresh)
    assert "No milestone has a snapshot yet." in report.text
    assert "0 milestones." in report.text


def test_before_any_training_it_says_so(fresh: Platform) -> None:
    assert "project_success has never been trained here." in undrawn(fresh).text


def test_next_version_stands_beside_the_one_before(finished: Platform) -> None:
    [(old,)] = finished.sql(
        "select model_version from ml.model_runs"
        " where is_champion and model_name = 'project_success'"
    )
    assert f"project_success {old} is the first version that serves." in undrawn(finished).text
    finished.keep_only("project_success")
    trees = finished.setting("project_success").hyperparameters["n_estimators"]
    finished.edit(f"n_estimators = {trees}", f"n_estimators = {2 * trees}")
    finished.move()
    assert finished.run("train", run_id="run-2", hour=1).code == 0
    rows = finished.sql(
        "select model_version, log_loss_difference, compared_project_count from ml.model_runs"
        " where run_id = 'run-2' and model_name = 'project_success'"
        " and estimator = 'RandomForestClassifier'"
    )
    text = undrawn(finished).text
    [(new, difference, count)] = rows
    in_use = finished.sql(
        "select model_version from ml.model_runs where is_champion"
        " and model_name = 'project_success' order by trained_at desc limit 1"
    )
    if in_use == [(new,)]:
        assert "changed settings." in text
        assert f"{count} projects that neither had seen" in text
        assert f"Version {old} {new}" in text
    else:
        assert f"against {old} on {count} projects" in text
    assert f"{difference:+.4f}" in text


def test_backtest_is_shown_when_there_is_one(finished: Platform) -> None:
    assert "make backtest FROM=2022-07-01 TO=2023-07-01" in undrawn(finished).text
    for month in (1, 2, 3):
        version = f"'replay{month}'"
        finished.sql(
            "insert into ml.model_runs by name select * replace ('backtest' as status,"
            f" {version} as model_version, timestamp '2023-0{month}-01' as cutoff_at,"
            " false as is_champion, 'b' as run_id) from ml.model_runs"
            " where is_champion and run_id = 'run-1' and model_name = 'project_success'"
        )
        finished.sql(
            f"insert into ml.model_metrics by name select * replace ({version} as model_version,"
            " 'backtest' as split, 'b' as run_id) from ml.model_metrics"
            " where run_id = 'run-1' and split = 'test_undecided' and model_version = (select"
            " min(model_version) from ml.model_runs where is_champion"
            " and run_id = 'run-1' and model_name = 'project_success')"
        )
    report = Report(finished)
    assert "project_success at 3 timestamps from 1 Jan 2023 to 1 Mar 2023" in report.text
    assert report.page.count("<svg ") == 14
    assert "milestone_risk has not been replayed" in report.text


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("proven", "beats base rate and one-feature rule"),
        ("not_proven", "no proven skill"),
        (None, "skill not tested"),
    ],
)
def test_skill_of_what_serves_is_told_with_its_differences(
    finished: Platform, state: str | None, told: str
) -> None:
    finished.sql(f"update ml.model_runs set skill_state = {repr(state) if state else 'null'}")
    text = undrawn(finished).text
    assert text.count(f"serves ({told}), fitted to ") == 2
    assert text.count(f"Skill: {told}. Paired difference of the log loss: ") == 2


def manifest_of(platform: Platform) -> Path:
    [(model,)] = platform.sql(
        "select artifact_path from ml.model_runs where is_champion"
        " and model_name = 'project_success'"
    )
    return (platform.folder / model).with_name("manifest.json")


def test_a_version_knows_what_it_was_trained_on_and_when(finished: Platform) -> None:
    """Whatever was decided of it since."""
    manifest = manifest_of(finished)
    content = json.loads(manifest.read_text())
    assert datetime.fromisoformat(content["trained_until"]) == AS_OF
    content |= {"trained_until": "2022-02-03 00:00:00", "trained_at": "2029-05-06 07:08:09"}
    manifest.write_text(json.dumps(content))
    text = undrawn(finished).text
    assert "project_success knows no outcome after 3 Feb 2022." in text
    assert "trained 6 May 2029" in text


def test_settings_tried_on_the_same_test_rows_are_counted(finished: Platform) -> None:
    """Settings that a later decision for the same `AS_OF` replaced were a try too."""
    said = "Settings of project_success measured on overlapping launches: "
    own = "model_name = 'project_success' and status = 'trained'"
    [(count,)] = finished.sql(
        f"select count(distinct config_fingerprint) from ml.model_runs where {own}"
    )
    assert f"{said}{count}." in undrawn(finished).text
    for name, change in (
        ("earlier", "trained_at - interval 1 day as trained_at"),
        ("unrelated", "cutoff_at - interval 1 day as as_of"),
    ):
        finished.sql(
            f"insert into ml.model_runs by name select * replace ('{name}' as model_version,"
            f" '{name}' as config_fingerprint,"
            f" false as is_champion, {change}, 'not promoted: worse' as decision, 0.1 as"
            f" difference_low, 0.3 as difference_high) from ml.model_runs where {own} limit 1"
        )
        text = undrawn(finished).text
        assert f"{said}{count + 1}." in text
    assert re.search(r"the best of them would seem 0\.0\d+ of log loss better than it is", text)


@pytest.mark.parametrize(("count", "largest"), [(2, 0.564), (3, 0.846), (13, 1.668)])
def test_the_optimism_is_the_expected_largest_of_as_many(count: int, largest: float) -> None:
    optimism = Tried(count, 2**0.5).optimism
    assert optimism == pytest.approx(largest, rel=0.05)
    assert Tried(1, 0.1).optimism is None
    assert Tried(count, None).optimism is None
