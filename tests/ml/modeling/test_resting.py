"""Between two days of training: nothing is fitted, measured or compared, and nothing differs."""

from pathlib import Path
from typing import Any

import pytest

from ml.modeling import artifacts, promotion
from ml.modeling.registry import run_in_use
from ml.modeling.rows import labelled_digest
from ml.warehouse import open_warehouse

MODELS = ("project_success", "milestone_risk")


def test_within_its_week_a_later_as_of_trains_nothing_anew(fresh: Any, tmp_path: Path) -> None:
    """And is what it would be had nothing run before."""

    def at(platform: Any, day: str, run_id: str) -> tuple[Any, ...]:
        platform.sql(f"update core.warehouse_as_of set as_of = timestamp '{day} 12:00:00'")
        assert platform.run("train", "predict", run_id=run_id).code == 0
        with open_warehouse(platform.db) as warehouse:
            versions = [run_in_use(warehouse, name).model_version for name in MODELS]
        made = "prediction_id, entity_id, snapshot_kind, predicted_probability, is_decided"
        return versions, platform.sql(
            f"select {made} from intermediate.int_predictions_current order by all"
        )

    fresh.edit("train_every_days = 0", "train_every_days = 7")
    unused = fresh.copy_to(tmp_path / "unused", None)
    wednesday = at(fresh, "2023-07-05", "run-1")
    files = sorted(fresh.models.rglob("model.joblib"))
    thursday = at(fresh, "2023-07-06", "run-2")
    assert sorted(fresh.models.rglob("model.joblib")) == files
    assert thursday[0] == wednesday[0]
    assert thursday == at(unused, "2023-07-06", "run-1")
    assert fresh.sql("select count(distinct as_of) from ml.model_runs") == [(2,)]
    next_week, _ = at(fresh, "2023-07-14", "run-3")
    assert not set(next_week) & set(thursday[0])
    fresh.edit("train_every_days = 7", "train_every_days = 0")
    on_all, _ = at(fresh, "2023-07-14", "run-4")
    assert not set(on_all) & set(next_week)


def test_a_day_on_all_is_decided_as_if_it_were_fitted_and_measured_anew(
    fresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a milestone that had failed already is resolved after the day of training."""
    fresh.edit("train_every_days = 0", "train_every_days = 7")
    as_of = "update core.warehouse_as_of set as_of = timestamp '2023-07-{} 12:00:00'"
    fresh.sql(as_of.format("05"))
    fresh.run("train")
    [(resolved,)] = fresh.sql(
        """update core.fct_milestones set resolved_at = timestamp '2023-07-06 09:00:00'
        where resolved_at is null and milestone_id in (
            select milestone_id from features.milestone_labels
            where is_high_risk and label_window_ends_at < timestamp '2023-06-01')"""
    )
    assert resolved
    fresh.sql(as_of.format("07"))
    anew = fresh.copy_to(tmp_path / "anew", None)
    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "load", lambda *given: 1 / 0)
        said = fresh.run("train", run_id="run-2", hour=1).out
    assert said.count("(trained before)") == 4
    assert "accuracy at d3" in said
    monkeypatch.setattr(promotion, "decide_again", lambda *given: None)
    anew.run("train", run_id="run-2", hour=1)
    for table in ("model_runs", "model_metrics", "calibration_curves", "feature_importance"):
        one, other = (each.sql(f"from staging.stg_{table} order by all") for each in (fresh, anew))
        assert one == other, table


def test_what_is_measured_with_is_part_of_the_version(fresh: Any) -> None:
    """A final total is no feature, but the leaking model is measured with it."""
    with open_warehouse(fresh.db) as warehouse:
        before = labelled_digest(warehouse, fresh.setting("project_success"))
    fresh.sql("update core.dim_projects set pledged_amount = pledged_amount + 1")
    with open_warehouse(fresh.db) as warehouse:
        after = labelled_digest(warehouse, fresh.setting("project_success"))
    assert after != before


def test_a_champion_whose_file_is_made_anew_stays(finished: Any) -> None:
    """Also one that is not the default, which begins where no champion can serve."""
    name = MODELS[0]
    finished.keep_only(name)
    other = "estimator = 'HistGradientBoostingClassifier'"
    finished.sql(f"update ml.model_runs set is_champion = ({other}) where model_name = '{name}'")
    serving = f"""select model_version, decision from ml.model_runs
        where model_name = '{name}' and is_champion order by trained_at desc"""
    [(champion, _)] = finished.sql(serving)
    (finished.models / name / champion / "model.joblib").write_bytes(b"something else")
    finished.move()
    assert finished.run("train", "predict", run_id="run-2", hour=1).code == 0
    assert finished.sql(serving)[0] == (champion, promotion.STAYS)
