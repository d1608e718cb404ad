"""The page about the models says what each is worth, with the figures of the tables."""

import json
import re
from typing import Any
from unittest.mock import patch

import altair as alt
import pytest
from markupsafe import Markup

from pages import model_charts
from pages.models import write
from pages.published import open_published
from pages.report import facts as report_facts
from pages.site import Site
from tests.pages.test_monitoring import rows_of

KINDS = {"hconcat": alt.HConcatChart, "layer": alt.LayerChart, "mark": alt.Chart}
IN_USE = "select model_version from intermediate.int_models_in_use where model_name = "


def page_of(platform: Any, site: Site) -> str:
    """The page with empty pictures: drawing is most of its cost."""
    with (
        patch("pages.charts._drawing", return_value=Markup("<svg></svg>")),
        open_published(platform.db) as published,
    ):
        write(published, site)
    return " ".join((site.root / "models" / "index.html").read_text().split())


def test_every_chart_is_one_that_vega_lite_knows(finished: Any, site: Site) -> None:
    """Pages do not validate what they draw."""
    page = page_of(finished, site)
    found = re.findall(r'<script type="application/json">(.*?)</script>', page)
    assert len(found) > 6
    for each in found:
        made = {**json.loads(each), "config": {}}  # ours, the same for all
        kind = next(k for k in KINDS if k in made)
        KINDS[kind].from_dict(made)


def test_accuracies_are_those_of_the_tables_beside_guess_and_interval(
    finished: Any, site: Site
) -> None:
    page = page_of(finished, site)
    shown = {row[0]: row for row in rows_of(page, "by-time-project")}
    measured = finished.sql(
        f"""select snapshot_kind, any_value(row_count), any_value(base_rate),
            max(value) filter (metric = 'accuracy'), max(ci_low) filter (metric = 'accuracy'),
            max(ci_high) filter (metric = 'accuracy'), max(value) filter (metric = 'auc')
        from ml.model_metrics where split = 'test_undecided'
            and model_version = ({IN_USE} 'project_success') group by snapshot_kind"""
    )
    assert len(measured) == len(shown) > 3
    in_words = {"all": "all prediction times"} | dict(
        finished.sql(
            """select snapshot_kind, format('{} ({})', description, snapshot_kind)
            from features.snapshot_kinds where entity = 'project'"""
        )
    )
    for kind, count, base_rate, accuracy, low, high, auc in measured:
        row = shown[in_words[kind]]
        assert row[1] == f"{count:,}"
        assert row[2] == f"{100 * accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        assert row[3] == f"{100 * max(base_rate, 1 - base_rate):.1f} %"
        assert row[5].startswith(f"{auc:.3f}")


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        ("-0.2", "-0.1", "yes"),
        ("-0.2", "0.1", "not proven"),
        ("0.1", "0.2", "no, it is worse"),
        ("null", "null", "not tested"),
    ],
)
def test_answers_follow_from_the_intervals(
    finished: Any, site: Site, low: str, high: str, answer: str
) -> None:
    finished.sql(
        f"update ml.model_metrics set ci_low = {low}, ci_high = {high}"
        " where metric = 'log_loss_over_rule'"
    )
    page = page_of(finished, site)
    for entity, rule in (("project", "pace_ratio"), ("milestone", "days_past_due")):
        answers = rows_of(page, f"skill-of-{entity}")
        assert [row[:2] for row in answers][2] == [
            f"Does it beat the one-feature rule ({rule} alone)?",
            answer,
        ]
        assert answers[0][2].startswith(tuple("0123456789"))


@pytest.mark.parametrize(
    ("state", "verdict", "use"),
    [
        ("proven", "Beats base rate and one-feature rule", "so that attention goes where"),
        ("not_proven", "No proven skill", "not to decide about money"),
        ("not_tested", "Skill not tested", "do not act on its probabilities"),
    ],
)
def test_the_verdict_comes_first_with_what_to_use_it_for(
    finished: Any, site: Site, state: str, verdict: str, use: str
) -> None:
    finished.sql(f"update ml.model_runs set skill_state = '{state}'")
    page = page_of(finished, site)
    assert page.count(f"<h3>{verdict}</h3>") == 2
    assert use in page


def test_skill_that_could_not_be_tested_has_its_reason(finished: Any, site: Site) -> None:
    finished.sql(
        """update ml.model_runs set skill_state = 'not_tested',
        reason = 'all 40 test projects are of one creator'
        where model_name = 'project_success'"""
    )
    page = page_of(finished, site)
    said = "<h3>Skill not tested (all 40 test projects are of one creator)</h3>"
    assert page.count(said) == 1
    assert "failed" not in page


def test_a_model_that_failed_is_named(finished: Any, failure: str, site: Site) -> None:
    assert page_of(finished, site).count(failure) == 1


def test_without_a_model_it_says_why(finished: Any, site: Site) -> None:
    finished.sql(
        "update ml.model_runs set status = 'skipped', reason = '3 outcomes known'"
        " where model_name = 'milestone_risk'; delete from ml.model_runs"
        " where model_name = 'project_success'"
    )
    page = page_of(finished, site)
    assert "It was skipped and predicts nothing: 3 outcomes known." in page
    assert "It has never been trained here." in page
    assert page.count("<b>No model</b>") == 2


def test_the_histogram_counts_every_open_prediction_once(finished: Any) -> None:
    counted = dict(finished.sql(
        """select snapshot_kind, count(*) from intermediate.int_predictions_current
        where model_name = 'project_success' and not is_decided and origin = 'batch'
            and snapshot_kind <> 'current' group by snapshot_kind"""
    ))  # fmt: skip
    [(version,)] = finished.sql(IN_USE + "'project_success'")
    with open_published(finished.db) as published:
        keys = {"model": "project_success", "version": version}
        rows = published.rows(model_charts._HISTOGRAM, **keys)
        [facts] = [m for m in report_facts.read(published).models if m.entity == "project"]
        drawn = str(model_charts.calibration(published, facts))
    found: dict[str, int] = {}
    for row in rows:
        found[row["snapshot_kind"]] = found.get(row["snapshot_kind"], 0) + row["predictions"]
        assert row["low"] in range(0, 100, 10)
    assert found == counted | {"all": sum(counted.values())}
    assert len(re.findall(r"<svg ", drawn)) == 2


def test_what_is_left_out_stands_on_the_card(finished: Any, site: Site) -> None:
    [(version,)] = finished.sql(IN_USE + "'project_success'")
    [(name,)] = finished.sql(
        f"select min(feature) from ml.feature_importance where model_version = '{version}'"
    )
    finished.sql(f"delete from ml.feature_importance where feature = '{name}'")
    card = dict(row for row in rows_of(page_of(finished, site), "card-project"))
    assert name in card["Features left out"].split(", ")
    assert name not in card["Features"].split(", ")
    assert version in card["Version"]


def test_the_interval_of_the_final_total_is_shown_with_its_coverage(
    finished: Any, site: Site
) -> None:
    finished.sql(
        """insert into ml.final_amount_runs by name
        select 'v' as model_version, 'trained' as status, as_of, as_of as cutoff_at, as_of as
            measured_at, 9 as train_project_count, 16 as test_project_count, 'd3' as
            without_intervals, 'run-1' as run_id
        from core.warehouse_as_of;
        insert into ml.final_amount_metrics by name
        select 'v' as model_version, predictor, 'd3' as snapshot_kind, metric, value, low as ci_low,
            high as ci_high, 16 as project_count, as_of, as_of as measured_at, 'run-1' as run_id
        from core.warehouse_as_of, (values
            ('pace_extrapolation', 'log_width', 1.0, null, null),
            ('final_amount', 'coverage', 0.875, 0.64, 0.965)
        ) as measured (predictor, metric, value, low, high)"""
    )
    page = page_of(finished, site)
    [row] = rows_of(page, "final-amount")
    assert row[:5] == ["3 days after launch (d3)", "16", "87.5 % [64.0, 96.5]", "&ndash;", "2.72"]
    assert "None at d3: too few earlier campaigns." in page


def test_what_was_not_measured_has_no_unit(finished: Any, site: Site) -> None:
    finished.sql("delete from ml.model_metrics where metric = 'log_loss_over_rule'")
    page = page_of(finished, site)
    assert "log loss not known, all prediction times" in page
    assert "not known nats" not in page
