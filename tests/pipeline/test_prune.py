"""`make prune` removes model files that nothing reads: what is run afterwards misses none."""

from typing import Any

import pytest

from pipeline.errors import CallError
from pipeline.lock import locked
from pipeline.paths import Paths
from pipeline.prune import prune
from tests.ml.conftest import finished, finished_world, made_ml_state, world

__all__ = ["finished", "finished_world", "made_ml_state", "world"]

IN_USE = "select model_version, as_of, artifact_sha256 from intermediate.int_models_in_use"
NAMED = "select artifact_path from ml.model_runs where is_champion"


@pytest.fixture
def moved(finished: Any) -> Any:
    """A platform on which one model was decided upon in turn, for two `as_of` a month apart."""
    finished.keep_only("project_success")
    finished.sql("delete from ml.model_runs where model_name = 'milestone_risk'")
    finished.move("interval 31 day")
    finished.edit("n_estimators = 5", "n_estimators = 6")
    finished.edit("max_iter = 20", "max_iter = 21")
    assert finished.run("train", "predict", run_id="run-2", hour=1).code == 0
    return finished


def files(platform: Any) -> set[str]:
    found = (platform.models / "project_success").glob("*/model.joblib")
    return {each.relative_to(platform.folder).as_posix() for each in found}


def test_what_serves_or_served_before_or_was_tried_lately_stays(
    moved: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before, champions = files(moved), {path for (path,) in moved.sql(NAMED)}
    capsys.readouterr()
    prune(Paths.at(str(moved.folder), ""), "31")
    assert files(moved) == before
    prune(Paths.at(str(moved.folder), ""), "30")
    assert "prune      1 model versions removed (" in capsys.readouterr().out
    lost = before - files(moved)
    assert len(lost) == 1
    assert not lost & champions
    later = moved.sql("select artifact_path from ml.model_runs where run_id = 'run-2'")
    assert not lost & {path for (path,) in later}


def test_runs_after_it_say_what_they_said_before(moved: Any) -> None:
    now, predicted = moved.sql(IN_USE), moved.sql("select count(*) from ml.predictions")
    prune(Paths.at(str(moved.folder), ""), "1")
    again = moved.run("train", "predict", run_id="run-3", hour=2)
    assert again.code == 0
    assert again.out.count("up to date") == 2
    assert moved.sql(IN_USE) == now
    assert moved.sql("select count(*) from ml.predictions") == predicted


def test_what_is_needed_again_at_an_earlier_as_of_is_made_anew(moved: Any) -> None:
    prune(Paths.at(str(moved.folder), ""), "1")
    moved.move("to_days(-31)")
    before = moved.sql(IN_USE)
    moved.edit("n_estimators = 6", "n_estimators = 5")
    moved.edit("max_iter = 21", "max_iter = 20")
    back = moved.run("train", "predict", run_id="run-3", hour=2)
    assert back.code == 0
    assert "is missing: it was made anew" in " ".join(back.out.split())
    assert moved.sql(IN_USE) == before


def test_files_of_final_totals_go_with_their_last_run(finished: Any) -> None:
    for name, days in (("old", 50), ("served-before", 40), ("serves", 0)):
        file = finished.models / "final_amount" / name / "model.joblib"
        file.parent.mkdir(parents=True)
        file.touch()
        finished.sql(
            f"""insert into ml.final_amount_runs by name
            select 'trained' as status, as_of - interval {days} day as as_of,
                'models/final_amount/{name}/model.joblib' as artifact_path
            from core.warehouse_as_of"""
        )
    prune(Paths.at(str(finished.folder), ""), "1")
    left = {each.name for each in (finished.models / "final_amount").iterdir()}
    assert left == {"serves", "served-before"}


def test_runs_of_a_version_that_recorded_no_files_are_passed_over(finished: Any) -> None:
    for path, days in (("null", 50), ("'models/final_amount/a/model.joblib'", 10)):
        for each in (days, days - 10):
            finished.sql(
                f"""insert into ml.final_amount_runs by name
                select 'trained' as status, as_of - interval {each} day as as_of,
                    {path} as artifact_path
                from core.warehouse_as_of"""
            )
    file = finished.models / "final_amount" / "a" / "model.joblib"
    file.parent.mkdir(parents=True)
    file.touch()
    prune(Paths.at(str(finished.folder), ""), "1")
    assert file.exists()


@pytest.mark.parametrize("days", ["", "0", "-1", "1.5", "90d"])
def test_what_is_no_number_of_days_removes_nothing(finished: Any, days: str) -> None:
    with pytest.raises(CallError, match=f"KEEP_DAYS={days} is no number of days"):
        prune(Paths.at(str(finished.folder), ""), days)


def test_a_run_or_what_it_has_not_published_is_in_the_way(finished: Any) -> None:
    paths = Paths.at(str(finished.folder), "")
    with locked(paths.root), pytest.raises(CallError, match="another run writes"):
        prune(paths, "1")
    paths.build_folder.mkdir()
    paths.build.touch()
    with pytest.raises(CallError, match="a build is in hand that is not published: make run"):
        prune(paths, "1")
    with pytest.raises(CallError, match="nothing is published yet"):
        prune(Paths.at(str(paths.build_folder / "none"), ""), "1")
