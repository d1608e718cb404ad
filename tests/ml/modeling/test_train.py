"""Training: an honest cut, enough support, the same bits every time."""

import dataclasses
import json
import re
from datetime import datetime
from typing import Any

import pytest

from ml.modeling import artifacts
from ml.modeling.rows import first_measured, holdout_rows, rolling_cuts, training_rows
from ml.warehouse import open_warehouse

TABLES = (
    *("model_runs", "model_metrics", "calibration_curves", "feature_importance"),
    *("predictions", "drift_stats"),
)
MODELS = ("project_success", "milestone_risk")


def split_of(platform: Any, name: str) -> tuple[datetime, Any, Any]:
    model = platform.setting(name)
    with open_warehouse(platform.db) as warehouse:
        cutoff: Any = first_measured(rolling_cuts(warehouse, model))
        train = training_rows(warehouse, model, cutoff)
        return cutoff, train, holdout_rows(warehouse, model, cutoff)


@pytest.mark.parametrize("name", MODELS)
def test_the_cut_parts_training_and_test_in_time(fresh: Any, name: str) -> None:
    cutoff, train, test = split_of(fresh, name)
    assert train.num_rows > 100
    assert test.num_rows > 100
    assert max(train.column("outcome_known_at").to_pylist()) <= cutoff
    assert cutoff < min(test.column("launched_at").to_pylist())
    trained = set(train.column("project_id").to_pylist())
    assert not trained & set(test.column("project_id").to_pylist())


@pytest.mark.parametrize("name", MODELS)
def test_training_sees_undecided_snapshots_only_and_the_test_all_but_current(
    fresh: Any, name: str
) -> None:
    _, train, test = split_of(fresh, name)
    assert not any(train.column("is_decided").to_pylist())
    assert any(test.column("is_decided").to_pylist())
    assert "current" not in train.column("snapshot_kind").to_pylist()
    assert "current" not in test.column("snapshot_kind").to_pylist()


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("project_success", "select project_id, deadline_at from core.dim_projects"),
        (
            "milestone_risk",
            "select milestone_id, due_at + interval 14 day from core.fct_milestones",
        ),
    ],
)
def test_an_outcome_that_is_known_early_waits_for_its_peers(
    fresh: Any, name: str, plan: str
) -> None:
    ends = dict(fresh.sql(plan))
    cutoff, train, test = split_of(fresh, name)
    as_of = fresh.sql("select as_of from core.warehouse_as_of")[0][0]
    assert max(ends[entity] for entity in train.column("entity_id").to_pylist()) <= cutoff
    assert max(ends[entity] for entity in test.column("entity_id").to_pylist()) <= as_of


def test_the_cut_leaves_the_wanted_share_of_labelled_projects_before_it(fresh: Any) -> None:
    cutoff, _, _ = split_of(fresh, "project_success")
    before, labelled = fresh.sql(
        f"""select count(*) filter (launched_at <= '{cutoff}'), count(*)
        from core.dim_projects inner join features.project_labels using (project_id)
        where deadline_at <= (select as_of from core.warehouse_as_of)"""
    )[0]
    assert before == pytest.approx(0.7 * labelled, abs=1)


def test_more_projects_than_the_cap_are_sampled_whole(fresh: Any) -> None:
    model = fresh.setting("project_success")
    _, everything, _ = split_of(fresh, "project_success")
    split = dataclasses.replace(model.split, max_train_projects=100)
    with open_warehouse(fresh.db) as warehouse:
        cutoff: Any = first_measured(rolling_cuts(warehouse, model))
        sample = training_rows(warehouse, dataclasses.replace(model, split=split), cutoff)
    sampled = set(sample.column("project_id").to_pylist())
    assert len(sampled) == 100
    projects = everything.column("project_id").to_pylist()
    assert sample.num_rows == sum(project in sampled for project in projects)


def test_the_run_is_recorded_with_its_skill(finished: Any) -> None:
    """Proven exactly where both differences of the log loss lie below 0, both ends included."""
    rows = finished.sql(
        """select skill_state, count(metrics.ci_high), bool_and(metrics.ci_high < 0)
        from ml.model_runs as runs
        left join ml.model_metrics as metrics
            on runs.model_version = metrics.model_version and metric like 'log_loss_over%'
        group by runs.model_version, skill_state"""
    )
    assert len(rows) == 4
    assert {count for _, count, _ in rows} == {2}
    assert {(state, is_below) for state, _, is_below in rows} <= {
        ("proven", True),
        ("not_proven", False),
    }
    assert ("proven", 2, True) in rows


def test_the_run_is_recorded_with_what_went_in(finished: Any) -> None:
    for name in MODELS:
        cutoff, _, test = split_of(finished, name)
        with open_warehouse(finished.db) as warehouse:
            known = training_rows(warehouse, finished.setting(name), warehouse.as_of())
        rows = finished.sql(
            f"""select model_version, estimator, artifact_path, status, train_row_count,
                test_row_count, train_entity_count, test_entity_count, cutoff_at, train_from_at,
                run_id
            from ml.model_runs where model_name = '{name}' order by estimator"""
        )
        entities = [len(set(part.column("entity_id").to_pylist())) for part in (known, test)]
        started = min(known.column("launched_at").to_pylist())
        counts = ("trained", known.num_rows, test.num_rows, *entities, cutoff, started, "run-1")
        assert [row[3:] for row in rows] == [counts, counts]
        estimators = [row[1] for row in rows]
        assert estimators == ["HistGradientBoostingClassifier", "RandomForestClassifier"]
        for version, estimator, path, *_ in rows:
            assert path == f"models/{name}/{version}/model.joblib"
            manifest = json.loads((finished.folder / path).with_name("manifest.json").read_text())
            assert (manifest["model_version"], manifest["estimator"]) == (version, estimator)
            assert "scikit-learn" in manifest["libraries"]
            features = {feature["name"] for feature in manifest["features"]}
            assert features == set(finished.setting(name).features.names)


@pytest.mark.parametrize(
    ("name", "splits", "kinds"),
    [
        (
            "project_success",
            ("test", "test_first_time", "test_undecided"),
            ("all", "d14", "d3", "d6", "h36", "h4", "launch"),
        ),
        (
            "milestone_risk",
            ("test", "test_undecided"),
            ("all", "due", "start", "vote_1d", "vote_3d"),
        ),
    ],
)
def test_metrics_stand_for_every_predictor_split_and_clock(
    finished: Any, name: str, splits: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    predictors = finished.sql(
        f"select distinct predictor from ml.model_metrics where model_name = '{name}'"
    )
    rule = finished.setting(name).rule_feature
    names = ("random_forest", "gradient_boosting", "base_rate")
    names += (f"{rule}_only", "final_totals_leaking")
    assert {row[0] for row in predictors} == set(names)
    for predictor in names:
        found = finished.sql(
            f"""select distinct split, snapshot_kind from ml.model_metrics
            where model_name = '{name}' and predictor = '{predictor}' order by all"""
        )
        assert found == [(split, kind) for split in splits for kind in kinds]


def test_a_metric_comes_with_its_interval_and_base_rate(finished: Any) -> None:
    rows = finished.sql(
        """select value, ci_low, ci_high, base_rate from ml.model_metrics
        where model_name = 'project_success' and split = 'test_undecided'
            and snapshot_kind = 'd3' and metric = 'auc'
            and predictor in ('random_forest', 'gradient_boosting')"""
    )
    assert len(rows) == 2
    for auc, low, high, base_rate in rows:
        assert 0.7 < low < auc < high <= 1
        assert 0.2 < base_rate < 0.6


def test_the_screen_gives_figures_beside_the_majority_guess_with_interval(fresh: Any) -> None:
    fresh.keep_only("project_success")
    outcome = fresh.run("train")
    assert outcome.code == 0
    assert all(len(line) <= 120 for line in outcome.out.splitlines())
    text = " ".join(outcome.out.split())
    assert f"-> {fresh.models}/project_success" in text
    first, second = text.split("serving: RandomForest ")[1].split(
        "candidate: HistGradientBoosting "
    )
    interval = r"\[[-+]?[\d.]+, [-+]?[\d.]+\]"
    assert re.search(
        rf"accuracy at d3 [\d.]+ % {interval}, majority guess [\d.]+ %:"
        rf" [-+][\d.]+ points {interval}",
        first,
    )
    assert "(promoted: there is no champion yet)" in first
    assert "(not promoted: " in second


def test_two_runs_in_two_databases_are_equal_to_the_bit(
    world: Any, finished: Any, tmp_path: Any, capsys: Any
) -> None:
    other = world.copy_to(tmp_path / "other", capsys)
    assert other.run("train", "predict", "monitor", run_id="another", hour=5).code == 0
    files = [path.relative_to(finished.models) for path in finished.models.rglob("*.joblib")]
    assert len(files) == 4
    for file in files:
        digests = [
            artifacts.digest((where.models / file).read_bytes()) for where in (finished, other)
        ]
        assert digests[0] == digests[1]
    for table in TABLES:
        columns = f"* exclude ({', '.join(wall_clock(table))})"
        statement = f"select {columns} from ml.{table} order by all"
        rows = other.sql(statement)
        assert rows
        assert rows == finished.sql(statement)


def wall_clock(table: str) -> tuple[str, ...]:
    return {
        "model_runs": ("run_id", "trained_at"),
        "model_metrics": ("run_id", "measured_at"),
        "calibration_curves": ("run_id", "measured_at"),
        "feature_importance": ("run_id", "measured_at"),
        "predictions": ("run_id", "predicted_at"),
        "drift_stats": ("run_id", "measured_at"),
    }[table]


def test_a_repeated_run_changes_nothing(finished: Any) -> None:
    statement = "select * from ml.{} order by all"
    before = [finished.sql(statement.format(table)) for table in TABLES]
    files = {path: path.stat().st_mtime_ns for path in finished.models.rglob("*")}
    outcome = finished.run("train", "predict", "monitor", run_id="run-2", hour=1)
    assert outcome.code == 0
    assert outcome.out.count("up to date") == 4
    assert [finished.sql(statement.format(table)) for table in TABLES] == before
    assert {path: path.stat().st_mtime_ns for path in finished.models.rglob("*")} == files


def test_a_changed_setting_makes_another_version_and_back_again(finished: Any) -> None:
    def versions(run_id: str) -> set[str]:
        rows = finished.sql(
            f"select model_version from ml.model_runs where run_id = '{run_id}'"
            " and model_name = 'project_success' and estimator = 'RandomForestClassifier'"
        )
        return {row[0] for row in rows}

    finished.keep_only("project_success", challenger=False)
    folder = finished.models / "project_success"
    finished.edit("min_samples_leaf = 10 ", "min_samples_leaf = 30 ")
    assert finished.run("train", run_id="run-2", hour=1).code == 0
    assert versions("run-2")
    assert versions("run-2") != versions("run-1")
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    finished.edit("min_samples_leaf = 30 ", "min_samples_leaf = 10 ")
    outcome = finished.run("train", "predict", run_id="run-3", hour=2)
    assert outcome.out.count("(trained before)") == 1
    assert versions("run-3") == versions("run-1")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == kept
    assert finished.run("train", run_id="run-4", hour=3).out.count("up to date") == 1
    assert versions("run-4") == set()


def test_drift_settings_belong_to_no_version(finished: Any) -> None:
    finished.edit("psi_threshold = 0.05", "psi_threshold = 0.2")
    assert finished.run("train", run_id="run-2", hour=1).out.count("up to date") == 4


def test_a_snapshot_kind_that_is_none_is_named_before_anything_is_trained(finished: Any) -> None:
    finished.edit('outcome_kind = "d3"', 'outcome_kind = "d99"')
    refused = finished.run("train", run_id="run-2", hour=1)
    assert refused.code == 2
    assert "models.project_success.drift names the snapshot kind 'd99'" in refused.err
    assert "known here: launch, " in refused.err


def test_another_label_makes_another_version_of_its_own_model_alone(finished: Any) -> None:
    finished.sql(
        "update features.project_labels set is_successful = not is_successful where project_id = 9"
    )
    said = finished.run("train", run_id="run-2", hour=1).out
    assert said.count("up to date") == 2
    assert said.count("milestone_risk") == said.count("up to date")


@pytest.mark.parametrize("step", ["interval 1 microsecond", "interval (-1) microsecond"])
def test_a_version_made_for_another_as_of_keeps_its_folder(finished: Any, step: str) -> None:
    finished.keep_only("project_success", challenger=False)
    kept = {path: path.stat().st_mtime_ns for path in finished.models.rglob("*")}
    finished.move(step)
    refused = finished.run("predict", run_id="run-2", hour=1)
    assert refused.code == 2
    assert "run `train` first" in refused.err
    assert finished.run("train", "predict", run_id="run-3", hour=2).code == 0
    assert {path: path.stat().st_mtime_ns for path in finished.models.rglob("*")} == kept


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("delete from features.project_labels", "no project has a known outcome to learn from yet"),
        (
            "delete from features.project_labels where project_id % 60 > 0",
            "projects with an outcome known by the cut",
        ),
        (
            "update features.project_labels set is_successful = false",
            ") have is_successful = true, 10 are needed",
        ),
        ("update features.project_features set is_decided = true", "0 projects with an outcome"),
    ],
)
def test_too_little_support_skips_the_model_with_the_reason(
    fresh: Any, spoil: str, reason: str
) -> None:
    fresh.keep_only("project_success")
    fresh.sql(spoil)
    outcome = fresh.run("train", "predict", "monitor")
    assert outcome.code == 0
    assert "project_success skipped, the run goes on without it" in outcome.out
    assert "project_success has no model, so no predictions" in outcome.out
    recorded = fresh.sql(
        "select status, model_version, reason from ml.model_runs where run_id = 'run-1'"
        " and model_name = 'project_success'"
    )
    assert [(status, version) for status, version, _ in recorded] == [("skipped", None)]
    assert reason in recorded[0][2]
    assert fresh.run("train", "predict", "monitor", run_id="run-2", hour=1).code == 0
    assert fresh.sql("select count(*) from ml.model_runs where run_id = 'run-2'") == [(0,)]


def test_a_skipped_model_predicts_nothing_by_an_older_version_and_the_run_goes_on(
    finished: Any,
) -> None:
    finished.sql("delete from features.project_labels")
    finished.sql("delete from ml.predictions")
    outcome = finished.run("train", "predict", run_id="run-2", hour=1)
    assert outcome.code == 0
    assert "project_success has no model, so no predictions" in outcome.out
    assert finished.sql("select distinct model_name from ml.predictions") == [("milestone_risk",)]


def test_empty_tables_skip_both_models(fresh: Any) -> None:
    for table in ("project_features", "project_labels", "milestone_features", "milestone_labels"):
        fresh.sql(f"delete from features.{table}")
    outcome = fresh.run("train", "predict", "monitor")
    assert outcome.code == 0
    assert fresh.sql("select status, count(*) from ml.model_runs group by all") == [("skipped", 2)]


@pytest.mark.filterwarnings("error")
def test_columns_that_were_never_known_train_without_a_word(fresh: Any) -> None:
    fresh.sql("update features.project_features set country = null, prior_success_ratio = null")
    fresh.sql("update features.milestone_features set release_strategy = null, planned_days = null")
    outcome = fresh.run("train", "predict", "monitor")
    assert outcome.code == 0
    assert outcome.err == ""
    assert fresh.sql("select count(*) from ml.model_runs where status = 'trained'") == [(4,)]
