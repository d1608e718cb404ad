"""Single predictions: the number of the batch, from the file that is published now."""

import multiprocessing
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.context import RunContext
from ml.errors import MlError
from ml.modeling import artifacts
from ml.modeling.artifacts import ArtifactError
from ml.modeling.registry import PredictionError
from ml.serving import (
    NameUnusableError,
    NoModelError,
    NotLiveError,
    Predictor,
    RateLimitError,
    RateLimitExceededError,
    UnknownEntityError,
    collect,
    log,
)
from ml.serving.log import LOG_FILE, LogError, Prediction
from ml.warehouse import WarehouseError, open_warehouse, read_warehouse

RUN = RunContext("run-1", datetime(2030, 1, 1))

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
IN_BATCH = (
    "model_name", "model_version", "entity_id", "snapshot_at", "snapshot_kind", "is_decided",
    "predicted_probability", "predicted_label",
)  # fmt: skip


def predictor(platform: Any, limits: str = "memory://") -> Predictor:
    return Predictor(platform.folder, limits=limits, config=platform.config, now=lambda: NOW)


def ask(platform: Any, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(platform.db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def batch(platform: Any, name: str) -> list[tuple[Any, ...]]:
    return ask(
        platform,
        f"select {', '.join(IN_BATCH)} from ml.predictions"
        f" where model_name = '{name}' and snapshot_kind = 'current' order by entity_id",
    )


def live(platform: Any, entity: str) -> list[int]:
    rows = ask(
        platform,
        f"select {entity}_id from features.{entity}_features where snapshot_kind = 'current'"
        " order by is_decided, 1",
    )
    return [number for (number,) in rows]


def logged(platform: Any) -> list[Prediction | None]:
    return [line.prediction for line in log.read(platform.folder / "online")]


def replace(platform: Any, *statements: str) -> None:
    """Publishes another state, as a run does: built aside, put in place by a rename."""
    build = platform.folder / "build"
    build.mkdir(exist_ok=True)
    shutil.copy(platform.db, build / "escrow.duckdb")
    with duckdb.connect(str(build / "escrow.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement)
    os.replace(build / "escrow.duckdb", platform.db)


@pytest.mark.parametrize(
    ("entity", "name"), [("project", "project_success"), ("milestone", "milestone_risk")]
)
def test_every_live_one_gets_the_very_row_of_the_batch(
    finished: Any, entity: str, name: str
) -> None:
    made = predictor(finished)
    predict = made.predict_project if entity == "project" else made.predict_milestone
    ids = sorted(live(finished, entity))
    found = [predict(number, client=f"client {number // 50}") for number in ids]
    assert [tuple(getattr(each, key) for key in IN_BATCH) for each in found] == batch(
        finished, name
    )
    assert {each.is_decided for each in found} == {False, True}
    assert {each.predicted_at for each in found} == {NOW.replace(tzinfo=None)}
    assert logged(finished) == found


def test_answers_come_into_the_next_warehouse_beside_the_batch(
    finished: Any, tmp_path: Path
) -> None:
    made, (one, other, *_) = predictor(finished), live(finished, "project")
    asked = [
        made.predict_project(one, client="ann", request_id="first"),
        made.predict_project(one, client="ann", request_id="first"),
        made.predict_project(one, client="ann"),
        made.predict_project(other, client="bob", request_id="first"),
        made.predict_milestone(live(finished, "milestone")[0], client="ann"),
    ]
    assert asked[0].prediction_id == asked[1].prediction_id
    assert len({each.prediction_id for each in asked}) == 4
    following = finished.copy_to(tmp_path / "next", None)
    [(before,)] = ask(following, "select count(*) from ml.predictions")
    with open_warehouse(following.db) as warehouse:
        assert collect.run(finished.folder / "online", warehouse, RUN)[:2] == (4, 1)
    found = ask(following, "select count(*), count(distinct prediction_id) from ml.predictions")
    assert found == [(before + 4, before + 4)]
    assert following.run("predict").code == 0
    assert ask(following, "select count(*) from ml.predictions") == [(before + 4,)]
    assert ask(
        following,
        "select count(*) from ml.predictions as online inner join ml.predictions as batch"
        " using (model_version, entity_id, snapshot_kind, snapshot_at, predicted_probability)"
        " where online.origin = 'online' and batch.origin = 'batch'",
    ) == [(4,)]


def test_a_newly_published_file_is_noticed_and_the_old_one_hinders_no_publish(
    finished: Any,
) -> None:
    made, project = predictor(finished), live(finished, "project")[0]
    first = made.predict_project(project, client="ann")
    # others in this process keep the old file open
    with duckdb.connect(str(finished.db), read_only=True), read_warehouse(finished.db):
        replace(
            finished,
            "update core.warehouse_as_of set as_of = as_of + interval 1 day",
            "update features.project_features set snapshot_at = snapshot_at + interval 1 day"
            " where snapshot_kind = 'current'",
            "update ml.predictions set snapshot_at = snapshot_at + interval 1 day"
            " where snapshot_kind = 'current'",
        )
        second = made.predict_project(project, client="ann")
    assert (second.snapshot_at - first.snapshot_at).days == 1
    assert second.predicted_probability == first.predicted_probability
    replace(finished, f"delete from features.project_features where project_id = {project}")
    with pytest.raises(NotLiveError):
        made.predict_project(project, client="ann")


def test_a_request_stays_with_the_file_it_began_with(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = live(finished, "project")[0]
    checked = artifacts.checked

    def replaced_meanwhile(*arguments: Any) -> Any:
        replace(finished, "delete from features.project_features", "delete from ml.model_runs")
        return checked(*arguments)

    monkeypatch.setattr(artifacts, "checked", replaced_meanwhile)
    made = predictor(finished)
    assert made.predict_project(project, client="ann").entity_id == project
    with pytest.raises(PredictionError, match="never been trained"):
        made.predict_project(project, client="ann")


def test_what_cannot_be_predicted_is_said(finished: Any) -> None:
    made = predictor(finished)
    with pytest.raises(UnknownEntityError, match="there is no project 999999 in the warehouse"):
        made.predict_project(999_999, client="ann")
    waiting = live(finished, "project")[0]
    replace(finished, f"delete from ml.predictions where entity_id = {waiting}")
    with pytest.raises(NoModelError, match=f"project {waiting} has no prediction as of"):
        made.predict_project(waiting, client="ann")
    with pytest.raises(UnknownEntityError, match=f"there is no milestone {10**40}"):
        made.predict_milestone(10**40, client="ann")
    over = ask(
        finished,
        "select min(project_id) from core.dim_projects where project_id not in"
        " (select project_id from features.project_features where snapshot_kind = 'current')",
    )[0][0]
    replace(finished, "update core.dim_projects set project_status = 'failed'")
    with pytest.raises(NotLiveError, match=f"project {over} is failed as of 2024-01-01"):
        made.predict_project(over, client="ann")
    assert logged(finished) == []


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nbreak", "\udcff", "\0"])
def test_a_name_that_cannot_be_kept_is_refused(finished: Any, name: str) -> None:
    made, project = predictor(finished), live(finished, "project")[0]
    with pytest.raises(NameUnusableError, match="client must be"):
        made.predict_project(project, client=name)
    with pytest.raises(NameUnusableError, match="request_id must be"):
        made.predict_project(project, client="ann", request_id=name)
    assert logged(finished) == []


def test_threads_get_the_numbers_of_the_batch_while_files_are_replaced(finished: Any) -> None:
    made, expected = predictor(finished), batch(finished, "project_success")
    ids = sorted(live(finished, "project"))
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(made.predict_project, each, client=f"{each}") for each in ids * 3]
        for _ in range(5):
            replace(finished)
        found = [each.result() for each in asked]
    assert {tuple(getattr(each, key) for key in IN_BATCH) for each in found} == set(expected)
    assert len(logged(finished)) == 3 * len(ids)
    kept = [os.path.realpath(each) for each in Path("/proc/self/fd").glob("*")]
    assert sum(each.startswith(str(finished.db)) for each in kept) <= 1


def test_a_skipped_model_answers_with_its_reason(fresh: Any) -> None:
    fresh.edit("min_entities = 30           # fewer", "min_entities = 9000 # fewer")
    fresh.run("train", "predict")
    with pytest.raises(NoModelError, match=r"project_success has no model: .* 9000 are needed"):
        predictor(fresh).predict_project(live(fresh, "project")[0], client="ann")
    milestone = live(fresh, "milestone")[0]
    assert predictor(fresh).predict_milestone(milestone, client="ann").entity_id == milestone


def test_a_model_that_failed_for_this_as_of_answers_no_more_than_the_batch(finished: Any) -> None:
    finished.sql(
        """insert into ml.failures
        select 'run-9', 'train', 'project_success', as_of, true, 'KeyError: x', now()
        from core.warehouse_as_of"""
    )
    with pytest.raises(NoModelError, match="project_success has no model: train failed"):
        predictor(finished).predict_project(live(finished, "project")[0], client="ann")
    milestone = live(finished, "milestone")[0]
    assert predictor(finished).predict_milestone(milestone, client="ann").entity_id == milestone


def test_a_warehouse_of_an_older_version_is_named_in_one_line(finished: Any) -> None:
    finished.sql(
        """create or replace view intermediate.int_models_in_use as
        select * exclude (skill_state) from ml.model_runs"""
    )
    with pytest.raises(WarehouseError, match="has no column 'skill_state', which serving reads"):
        predictor(finished).predict_project(live(finished, "project")[0], client="ann")


def test_a_damaged_model_file_is_not_used_and_a_mended_one_is(finished: Any) -> None:
    made, project = predictor(finished), live(finished, "project")[0]
    champion = "model_name = 'project_success' and is_champion"
    [(version,)] = finished.sql(f"select model_version from ml.model_runs where {champion}")
    model = finished.models / "project_success" / version / "model.joblib"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + b"x")
    with pytest.raises(ArtifactError, match="not the one that was recorded"):
        made.predict_project(project, client="ann")
    model.write_bytes(content)
    assert made.predict_project(project, client="ann").entity_id == project


def test_the_limit_holds_over_both_models_and_all_predictors(finished: Any) -> None:
    limits = f"sqlite:///{finished.folder}/limits.sqlite"
    first, second = predictor(finished, limits), predictor(finished, limits)
    project, milestone = live(finished, "project")[0], live(finished, "milestone")[0]
    for _ in range(15):
        first.predict_project(project, client="ann")
        second.predict_milestone(milestone, client="ann")
    for _ in range(30):  # unanswered requests count too
        with pytest.raises(UnknownEntityError):
            first.predict_project(-1, client="ann")
    for made in (first, second):
        with pytest.raises(RateLimitExceededError) as refused:
            made.predict_project(project, client="ann")
        assert 0 < refused.value.retry_after < 61
    assert first.predict_project(project, client="bob").client == "bob"
    assert len(logged(finished)) == 31


def test_without_a_log_there_is_no_answer(finished: Any) -> None:
    (finished.folder / "online").write_text("no folder")
    with pytest.raises(LogError, match=LOG_FILE):
        predictor(finished).predict_project(live(finished, "project")[0], client="ann")


def test_without_limits_there_is_no_answer(finished: Any) -> None:
    (finished.folder / "limits").write_text("no folder")
    made = Predictor(finished.folder, config=finished.config)
    with pytest.raises(RateLimitError, match=r"limits/requests\.sqlite"):
        made.predict_project(live(finished, "project")[0], client="ann")
    assert logged(finished) == []


def test_a_mistaken_folder_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse at"):
        Predictor(tmp_path / "typo").predict_project(1, client="ann")
    assert list(tmp_path.iterdir()) == []


def test_what_an_older_version_published_is_named_and_a_broken_file_is_left_behind(
    finished: Any,
) -> None:
    made, project = predictor(finished), live(finished, "project")[0]
    before = made.predict_project(project, client="ann")
    kept = finished.db.read_bytes()
    replace(finished, "drop view staging.stg_final_amount")
    with pytest.raises(WarehouseError, match=r"cannot read .*stg_final_amount"):
        made.predict_project(project, client="ann")
    finished.db.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match="cannot open"):
        made.predict_project(project, client="ann")
    finished.db.write_bytes(kept)
    after = made.predict_project(project, client="ann")
    assert asdict(after).keys() == asdict(before).keys()


def _answer(made: Predictor, project: int, answers: Any) -> None:
    try:
        answers.put(made.predict_project(project, client="ann").entity_id)
    except MlError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_after_the_first_request_is_refused(finished: Any) -> None:
    made, project = predictor(finished), live(finished, "project")[0]
    made.predict_project(project, client="ann")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_answer, args=(made, project, answers))
    child.start()
    assert "make one in each process" in answers.get()
    child.join()
