"""Which version serves: only figures on outcomes that neither has seen unseat a champion."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml.modeling import artifacts, promotion
from ml.modeling.calibration import Calibrator
from ml.modeling.promotion import Candidate
from ml.modeling.registry import ModelRun, incumbent, run_in_use, settings_tried
from ml.modeling.rolling import FittedModel
from ml.warehouse import Warehouse, open_warehouse
from tests.ml.conftest import Platform
from tests.ml.made_world import AS_OF

NAME = "project_success"
WORSE = "min_samples_leaf = 10 ", "min_samples_leaf = 200 "


class Contest:
    """The champion of a finished platform, and candidates made of it for a later AS_OF."""

    def __init__(self, platform: Platform, warehouse: Warehouse) -> None:
        self.warehouse, self.models = warehouse, platform.models
        self.settings = platform.setting(NAME)
        run = incumbent(warehouse, NAME)
        assert run is not None
        self.champion = Candidate(self.settings, run, artifacts.load(self.models, run))

    def candidate(self, version: str, *, slope: float = 1.0, **changed: Any) -> Candidate:
        """The champion under another name, `slope` times as sure of itself."""
        fitted = bent(self.champion.fitted, slope)
        changed = {"as_of": self.warehouse.as_of(), "is_champion": False} | changed
        run = dataclasses.replace(self.champion.run, model_version=version, **changed)
        return Candidate(self.settings, run, fitted)

    def decide(self, *candidates: Candidate) -> list[ModelRun]:
        return promotion.decide(list(candidates), self.warehouse, self.models)


def bent(fitted: FittedModel, slope: float) -> FittedModel:
    bent = []
    for fit in fitted.fits:
        kinds, parameters = fit.combination.calibrator
        combination = fit.combination._replace(calibrator=Calibrator(kinds, slope * parameters))
        bent.append(dataclasses.replace(fit, combination=combination))
    return FittedModel(fitted.cuts, tuple(bent))


@contextmanager
def contest_on(platform: Platform) -> Iterator[Contest]:
    platform.move()
    with open_warehouse(platform.db) as warehouse:
        yield Contest(platform, warehouse)


def newest_rows(platform: Platform, run_id: str) -> dict[str, tuple[Any, ...]]:
    rows = platform.sql(
        f"""select estimator, is_champion, decision, compared_with, compared_project_count,
            log_loss_difference, difference_low, difference_high
        from ml.model_runs where run_id = '{run_id}' and model_name = '{NAME}'
            and decision <> '{promotion.INCUMBENT}'"""
    )
    return {re.sub("Classifier", "", row[0]): row[1:] for row in rows}


def champion_of(platform: Platform, run_id: str) -> Any:
    [(version,)] = platform.sql(
        f"""select model_version from ml.model_runs
        where run_id = '{run_id}' and model_name = '{NAME}' and is_champion"""
    )
    return version


@pytest.fixture(scope="module")
def refused_world(finished_world: Platform, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform on which a later run trained something worse than the champion."""
    folder = tmp_path_factory.mktemp("refused") / "warehouse"
    platform = finished_world.copy_to(folder, None)
    platform.move()
    platform.keep_only(NAME, challenger=False)
    platform.edit(*WORSE)
    assert platform.run("train", "predict", run_id="run-2", hour=1).code == 0
    return platform


@pytest.fixture
def refused(
    refused_world: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Platform:
    return refused_world.copy_to(tmp_path / "warehouse", capsys)


def test_the_default_begins_and_a_challenger_follows_only_if_it_is_better(finished: Any) -> None:
    for name in ("project_success", "milestone_risk"):
        rows = finished.sql(
            f"""select decision, is_champion, log_loss_difference, difference_low, difference_high,
                compared_with, compared_project_count
            from ml.model_runs where model_name = '{name}' order by artifact_path"""
        )
        [default] = [row for row in rows if row[0].startswith("promoted: there is no champion yet")]
        [(words, serves, value, low, high, other, count)] = [row for row in rows if row != default]
        assert default[2:] == (None, None, None, None, None)
        assert low < value < high
        assert count >= 30
        assert other is not None
        assert serves == (high < 0)
        assert words == ("promoted: better" if serves else "not promoted: not proven better")
        assert default[1] != serves


def test_another_kind_of_model_must_be_proven_better(finished: Any) -> None:
    with contest_on(finished) as contest:
        other = {"estimator": "HistGradientBoostingClassifier", "config_fingerprint": "other"}
        equal, stays = contest.decide(contest.candidate("equal", **other))
        worse, _ = contest.decide(contest.candidate("worse", slope=0.2, **other))
        champion = contest.champion.run.model_version
    assert (stays.model_version, stays.is_champion, stays.as_of) == (champion, True, equal.as_of)
    assert stays.decision == "stays champion: no candidate took over"
    for row in (equal, worse):
        assert (row.is_champion, row.decision) == (False, "not promoted: not proven better")
    assert (equal.log_loss_difference, equal.difference_low) == (0.0, None)
    assert worse.difference_low > 0  # type: ignore[operator]


def test_an_incumbent_that_stays_keeps_the_skill_that_was_measured(finished: Any) -> None:
    finished.sql("update ml.model_runs set skill_state = 'not_proven' where is_champion")
    with contest_on(finished) as contest:
        other = {"config_fingerprint": "other", "skill_state": "proven"}
        worse, stays = contest.decide(contest.candidate("worse", slope=0.2, **other))
    assert (stays.decision, stays.skill_state) == (promotion.INCUMBENT, "not_proven")
    assert worse.skill_state == "proven"


def test_a_better_challenger_takes_over_from_a_default_that_began(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contest_on(finished) as contest:
        contest.warehouse.fetch("delete from ml.model_runs")
        weak = contest.candidate("default", slope=0.2)
        candidates = weak, contest.candidate("other", config_fingerprint="other")
        default, other = contest.decide(*candidates)
        monkeypatch.setattr(promotion, "settings_tried", lambda *_: 10**15)
        _, one_of_many = contest.decide(*candidates)
    assert one_of_many.difference_high == other.difference_high
    assert one_of_many.decision == "not promoted: not proven better"
    assert not default.is_champion
    assert default.decision == "promoted: there is no champion yet; gives way to other"
    assert other.is_champion
    assert (other.decision, other.compared_with) == ("promoted: better", "default")
    assert other.difference_low < other.log_loss_difference < other.difference_high < 0  # type: ignore[operator]


def test_the_same_settings_take_over_unless_proven_worse(finished: Any) -> None:
    with contest_on(finished) as contest:
        old = contest.champion.run.model_version
        [equal] = contest.decide(contest.candidate("equal"))
        worse, _ = contest.decide(contest.candidate("worse", slope=0.2))
    assert (equal.is_champion, equal.decision) == (True, "promoted: not proven worse")
    assert (equal.log_loss_difference, equal.compared_with) == (0.0, old)
    assert (equal.difference_low, equal.difference_high) == (None, None)
    assert (worse.is_champion, worse.decision) == (False, "not promoted: worse")
    assert 0 < worse.difference_low < worse.log_loss_difference < worse.difference_high  # type: ignore[operator]


def test_every_settings_tried_at_an_earlier_as_of_counts_once(finished: Any) -> None:
    """The more were tried, the less one may look better by chance: the error is shared."""
    with contest_on(finished) as contest:
        before = settings_tried(contest.warehouse, contest.candidate("new").run)
        for number in range(6):
            contest.warehouse.fetch(
                "insert into ml.model_runs by name select * replace"
                f" ('tried{number % 3}' as config_fingerprint, 'v{number}' as model_version)"
                f" from ml.model_runs where model_name = '{NAME}' and is_champion"
            )
        after = settings_tried(contest.warehouse, contest.candidate("new").run)
        own = contest.candidate("own", config_fingerprint="tried0").run
        assert settings_tried(contest.warehouse, own) == after
    assert after == before + 3


def test_settings_tried_by_a_look_back_afterwards_do_not_count(finished: Any) -> None:
    add = """
        insert into ml.model_runs by name
        select * replace ('look back' as config_fingerprint, as_of - interval 9 day as as_of,
            trained_at + to_hours($hours) as trained_at)
        from ml.model_runs where model_name = $name limit 1"""
    with open_warehouse(finished.db) as warehouse:
        run = run_in_use(warehouse, NAME)
        assert run is not None
        warehouse.fetch(add, hours=1, name=NAME)
        assert settings_tried(warehouse, run) == 1
        warehouse.fetch(add, hours=-1, name=NAME)
        assert settings_tried(warehouse, run) == 2


def test_the_candidate_of_the_champions_own_kind_is_judged_first(finished: Any) -> None:
    with contest_on(finished) as contest:
        other, own = contest.decide(
            contest.candidate(
                "other",
                estimator="HistGradientBoostingClassifier",
                config_fingerprint="other",
            ),
            contest.candidate("own"),
        )
    assert own.is_champion
    assert other.compared_with == "own"


def test_projects_of_one_creator_decide_nothing(finished: Any) -> None:
    finished.sql("update core.dim_projects set creator_id = 1")
    with contest_on(finished) as contest:
        [same] = contest.decide(contest.candidate("same", slope=0.2))
        other, _ = contest.decide(contest.candidate("other", config_fingerprint="other"))
    known = f"all {same.compared_project_count} projects that neither has seen are of one creator"
    assert same.decision == f"promoted: same settings; {known}"
    assert other.decision == f"not promoted: {known}"


def test_numbers_of_an_earlier_decision_do_not_stay(finished: Any) -> None:
    numbers: dict[str, Any] = {"compared_with": "x", "log_loss_difference": 9.0}
    with contest_on(finished) as contest:
        version = str(contest.champion.run.model_version)
        [same] = contest.decide(contest.candidate(version, difference_high=9.5, **numbers))
        cut = AS_OF - timedelta(days=40)
        numbers |= {"cutoff_at": cut, "config_fingerprint": "other"}
        young, _ = contest.decide(contest.candidate("young", **numbers))
    assert (same.is_champion, same.decision) == (True, "stays champion")
    for row in (same, young):
        assert (row.log_loss_difference, row.difference_low, row.difference_high) == (None,) * 3
    assert same.compared_with is None
    assert young.compared_with == version


@pytest.mark.parametrize("whose", ["candidate", "champion"])
def test_only_launches_after_both_cuts_count_and_too_few_decide_nothing(
    finished: Any, whose: str
) -> None:
    late = AS_OF - timedelta(days=40)  # campaigns of 60 days have no outcome yet
    with contest_on(finished) as contest:
        if whose == "champion":
            contest.warehouse.fetch(f"update ml.model_runs set cutoff_at = '{late}'")
        changed: dict[str, Any] = {"cutoff_at": late} if whose == "candidate" else {}
        [same] = contest.decide(contest.candidate("same", **changed))
        changed |= {"config_fingerprint": "other"}
        row, _ = contest.decide(contest.candidate("newer", **changed))
        [(known,)] = contest.warehouse.fetch(
            f"""select count(distinct project_id) from features.project_features
            inner join core.dim_projects using (project_id)
            inner join features.project_labels using (project_id)
            where launched_at > '{late}' and deadline_at <= '{AS_OF}' and not is_decided
                and snapshot_kind <> 'current'"""
        )
    assert 0 < known < 30
    assert same.is_champion  # the same settings with newer outcomes
    assert not row.is_champion
    assert row.decision == f"not promoted: {known} projects that neither has seen, 30 are needed"
    assert row.compared_project_count == known
    assert row.log_loss_difference is None


def test_what_is_worse_is_recorded_with_its_numbers_and_does_not_serve(refused: Any) -> None:
    first = champion_of(refused, "run-1")
    serves, words, other, count, value, low, high = newest_rows(refused, "run-2")["RandomForest"]
    assert (serves, words, other) == (False, "not promoted: not proven better", first)
    assert count >= 30
    assert 0 < low < value < high
    with open_warehouse(refused.db) as warehouse:
        assert run_in_use(warehouse, NAME).model_version == first  # type: ignore[union-attr]
    made = f"select distinct model_version from ml.predictions where model_name = '{NAME}'"
    assert refused.sql(made) == [(first,)]
    serving = "select as_of, model_version, is_champion from ml.model_runs where is_champion"
    later = AS_OF + timedelta(microseconds=1)
    assert refused.sql(f"{serving} and model_name = '{NAME}' order by 1") == [
        (AS_OF, first, True),
        (later, first, True),
    ]
    again = refused.run("train", run_id="run-3", hour=2).out
    assert again.count("up to date") == 1
    assert f"serving: RandomForest {first} (stays champion" in again


def test_an_incumbent_that_stays_is_said_to_serve_with_its_own_figures(finished: Any) -> None:
    own = champion_of(finished, "run-1")
    finished.sql(f"update ml.model_metrics set value = 0.4321 where model_version = '{own}'")
    [(fitted_to,)] = finished.sql(
        f"select distinct train_entity_count from ml.model_runs where model_version = '{own}'"
    )
    finished.move()
    finished.keep_only(NAME, challenger=False)
    finished.edit(*WORSE)
    said = " ".join(finished.run("train", run_id="run-2", hour=1).out.split())
    candidates, serving = said.split("serving: ")
    assert f"{NAME}: candidates fitted to" in candidates
    assert serving.startswith(f"RandomForest {own} (stays champion: no candidate took over)")
    assert f"fitted to {fitted_to} projects; measured on" in serving
    assert "accuracy at d3 43.2 %" in serving
    assert "43.2" not in candidates


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("tampered", "its model file is not the one that was recorded in ml.model_runs"),
        ("missing", "its model file cannot be read (No such file or directory)"),
        ("other code", "its model file was made by another version of this code"),
    ],
)
def test_a_champion_that_cannot_be_loaded_gives_way(refused: Any, harm: str, reason: str) -> None:
    champion = champion_of(refused, "run-1")
    file = refused.models / NAME / champion / "model.joblib"
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(b"something else")
    if harm == "other code":
        digest = artifacts.digest(b"something else")
        refused.sql(f"update ml.model_runs set artifact_sha256 = '{digest}' where is_champion")
    refused.move()
    outcome = refused.run("train", "predict", run_id="run-3", hour=2)
    assert (outcome.code, outcome.err) == (0, "")
    rows = newest_rows(refused, "run-3")
    assert f"promoted: the champion {champion} can no longer serve" in rows["RandomForest"][1]
    assert rows["RandomForest"][1].split(";")[0] == (
        f"promoted: the champion {champion} can no longer serve: {reason}"
    )
    assert reason in " ".join(outcome.out.split())
    assert sum(row[0] for row in rows.values()) == 1
    assert champion_of(refused, "run-3") != champion


def test_a_champion_whose_column_is_gone_gives_way(finished: Any) -> None:
    champion = champion_of(finished, "run-1")
    finished.keep_only(NAME, challenger=False)
    gone = "hours_since_last_pledge"
    finished.sql(f"delete from features.feature_catalogue where feature = '{gone}'")
    finished.sql(f"alter table features.project_features drop column {gone}")
    finished.move()
    assert finished.run("train", "predict", run_id="run-2", hour=1).code == 0
    words = newest_rows(finished, "run-2")["RandomForest"][1]
    assert words.startswith(f"promoted: the champion {champion} can no longer serve (features.")
    assert f"has no column '{gone}'" in words


def test_a_run_for_an_earlier_as_of_leaves_the_later_one_as_it_was(finished: Any) -> None:
    def serving() -> Any:
        with open_warehouse(finished.db) as warehouse:
            return run_in_use(warehouse, NAME)

    finished.keep_only(NAME, challenger=False)
    first = serving()
    finished.sql("update core.warehouse_as_of set as_of = timestamp '2023-07-01'")
    refused = finished.run("predict", run_id="run-2", hour=1)
    assert refused.code == 2
    assert "has never been trained for 2023-07-01 00:00:00 or before: run `train`" in refused.err
    assert finished.run("train", "predict", run_id="run-2", hour=1).code == 0
    assert newest_rows(finished, "run-2")["RandomForest"][1] == "promoted: there is no champion yet"
    assert serving().as_of == datetime(2023, 7, 1)
    assert serving().model_version != first.model_version
    assert finished.run("train", run_id="run-3", hour=2).out.count("up to date") == 1
    finished.sql(f"update core.warehouse_as_of set as_of = timestamp '{AS_OF}'")
    assert serving() == first


def test_a_decision_for_the_same_as_of_and_candidates_stands(finished: Any) -> None:
    """Another setting in between leaves no trace, nor does a run for an earlier AS_OF."""

    def state() -> list[tuple[Any, ...]]:
        return [
            finished.sql(f"select * exclude (run_id, {made_at}) from {view} order by all")
            for view, made_at in (
                ("intermediate.int_models_in_use", "trained_at"),
                ("staging.stg_model_metrics", "measured_at"),
                ("intermediate.int_predictions_current", "predicted_at"),
            )
        ]

    finished.keep_only(NAME, challenger=False)
    assert finished.run("train", "predict", run_id="run-2", hour=1).code == 0
    first = state()
    finished.edit(*WORSE)
    assert finished.run("train", "predict", run_id="run-3", hour=2).code == 0
    worse = state()
    assert worse[0] != first[0]
    assert newest_rows(finished, "run-3")["RandomForest"][1] == "promoted: there is no champion yet"
    finished.sql("update core.warehouse_as_of set as_of = timestamp '2023-07-01'")
    assert finished.run("train", run_id="run-4", hour=3).code == 0
    finished.sql(f"update core.warehouse_as_of set as_of = timestamp '{AS_OF}'")
    finished.edit(*WORSE[::-1])
    assert finished.run("train", "predict", run_id="run-5", hour=4).code == 0
    assert state() == first
    assert finished.run("train", "predict", run_id="run-6", hour=5).code == 0
    assert finished.sql("select count(*) from ml.model_runs where run_id = 'run-6'") == [(0,)]
