"""Predictions: of everything live and of what came after the cut, once."""

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml.modeling import artifacts, rolling
from ml.modeling.predict import probabilities
from ml.modeling.registry import run_in_use
from ml.modeling.rows import holdout_rows, training_rows
from ml.modeling.snapshots import rows_to_predict
from ml.warehouse import open_warehouse


def test_live_and_later_snapshots_are_predicted_once_each(finished: Any) -> None:
    for entity, name in (("project", "project_success"), ("milestone", "milestone_risk")):
        expected = finished.sql(
            f"""select {entity}_id, snapshot_kind, snapshot_at, is_decided
            from features.{entity}_features
            where snapshot_kind = 'current' or project_id in (
                select project_id from core.dim_projects where launched_at > (
                    select cutoff_at from ml.model_runs
                    where model_name = '{name}' and is_champion))
            order by all"""
        )
        found = finished.sql(
            f"""select entity_id, snapshot_kind, snapshot_at, is_decided from ml.predictions
            where model_name = '{name}' order by all"""
        )
        assert found == expected
        assert any(kind == "current" for _, kind, _, _ in found)


def test_the_id_follows_from_model_version_entity_snapshot_and_values(finished: Any) -> None:
    rows = finished.sql(
        """select prediction_id, model_version, entity_id, snapshot_kind, epoch_us(snapshot_at),
            feature_values
        from ml.predictions inner join ml.prediction_inputs using (prediction_id)"""
    )
    live = "from ml.predictions where snapshot_kind = 'current'"
    assert [(len(rows),)] == finished.sql(f"select count(*) {live}")
    for prediction_id, *parts in rows[:50]:
        text = "/".join(str(part) for part in parts)
        assert prediction_id == hashlib.md5(text.encode()).hexdigest()
    assert len({row[0] for row in rows}) == len(rows)


def test_label_origin_and_clock_of_a_prediction(finished: Any) -> None:
    assert finished.sql(
        """select distinct origin, predicted_at::varchar,
            predicted_label = (predicted_probability >= 0.5),
            predicted_probability between 0 and 1 from ml.predictions"""
    ) == [("batch", "2030-01-01 00:00:00", True, True)]


@pytest.mark.parametrize("name", ["project_success", "milestone_risk"])
def test_a_row_alone_gets_the_very_number_of_the_batch(finished: Any, name: str) -> None:
    model = finished.setting(name)
    with open_warehouse(finished.db) as warehouse:
        run: Any = run_in_use(warehouse, name)
        pipeline = artifacts.load(finished.models, run)
        rows = rows_to_predict(warehouse, model, model.features, "none yet", run.cutoff_at)
        table = rows.read_all()
    batch = probabilities(pipeline, table)
    alone = [probabilities(pipeline, table.slice(row, 1))[0] for row in range(40)]
    assert np.array_equal(batch[:40], alone)
    stored = finished.sql(
        f"""select predicted_probability from ml.predictions where model_name = '{name}'
        order by entity_id, snapshot_at, snapshot_kind"""
    )
    assert np.array_equal(batch, [row[0] for row in stored])


def test_an_unseen_category_counts_as_a_rare_one(finished: Any) -> None:
    finished.sql(
        "update features.project_features set country = 'XX' where snapshot_kind = 'current'"
    )
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    live = finished.sql(
        "select count(*), count(distinct predicted_probability) from ml.predictions"
        " where model_name = 'project_success' and predicted_at > '2030-01-01'"
    )
    assert live[0][0] > 5
    assert live[0][1] > 5


def test_a_column_that_is_unknown_everywhere_gets_the_median_of_training(finished: Any) -> None:
    def score(change: str) -> Any:
        finished.sql(f"update features.project_features set {change}")
        model = finished.setting("project_success")
        with open_warehouse(finished.db) as warehouse:
            run: Any = run_in_use(warehouse, model.name)
            fitted = artifacts.load(finished.models, run)
            rows = holdout_rows(warehouse, model, run.cutoff_at)
            seen = training_rows(warehouse, model, run.as_of)
            median = np.median(seen.column("duration_days"))
        return rolling.score_by(fitted.fits[-1], rows), median

    _, median = score("duration_days = duration_days")
    unknown, _ = score("duration_days = null")
    filled, _ = score(f"duration_days = {median}")
    assert np.array_equal(unknown, filled)


def test_a_text_that_is_unknown_everywhere_counts_as_the_unknown_of_training(finished: Any) -> None:
    model = finished.setting("project_success")
    with open_warehouse(finished.db) as warehouse:
        run: Any = run_in_use(warehouse, model.name)
        fitted = artifacts.load(finished.models, run)
        before = holdout_rows(warehouse, model, run.cutoff_at)
        warehouse.fetch("update features.project_features set country = null")
        after = holdout_rows(warehouse, model, run.cutoff_at)
    was_unknown = before.column("country").is_null().to_numpy()
    assert 0 < was_unknown.sum() < len(was_unknown)
    assert after.column("country").null_count == after.num_rows
    earlier, now = rolling.score(fitted, before), rolling.score(fitted, after)
    assert np.array_equal(earlier[was_unknown], now[was_unknown])
    assert np.all((now > 0) & (now < 1))


def test_a_clock_that_training_never_saw_is_predicted_all_the_same(finished: Any) -> None:
    finished.sql(
        "update features.project_features set snapshot_kind = 'h99' where snapshot_kind = 'd3'"
    )
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    [(count, low, high)] = finished.sql(
        """select count(*), min(predicted_probability), max(predicted_probability)
        from ml.predictions where snapshot_kind = 'h99'"""
    )
    assert count > 100
    assert 0 < low < high < 1


def test_a_missing_column_is_named(finished: Any) -> None:
    finished.sql("alter table features.project_features drop column pace_ratio")
    for stage in ("train", "predict"):
        outcome = finished.run(stage, run_id="run-2", hour=1)
        assert outcome.code == 2
        assert outcome.err == (
            "ml: features.project_features has no column 'pace_ratio', which project_success"
            " reads: build it again (make run) or correct models.toml\n"
        )


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [("funding_ratio", "varchar", "a number"), ("country", "bigint", "text")],
)
def test_a_column_of_another_kind_is_named(
    finished: Any, column: str, kind: str, words: str
) -> None:
    finished.sql(f"alter table features.project_features drop column {column}")
    finished.sql(f"alter table features.project_features add column {column} {kind}")
    outcome = finished.run("predict", run_id="run-2", hour=1)
    assert outcome.code == 2
    assert outcome.err.startswith(
        f"ml: features.project_features.{column} is of type {kind.upper()};"
        f" project_success needs {words} there"
    )


def test_without_any_training_the_way_out_is_named(fresh: Any) -> None:
    outcome = fresh.run("predict")
    assert outcome.code == 2
    assert outcome.err == (
        "ml: project_success has never been trained for 2024-01-01 00:00:00.000001 or before:"
        " run `train` first\n"
    )


def test_each_live_prediction_can_be_made_again_from_the_values_kept_with_it(finished: Any) -> None:
    """To the bit, whatever the data say now."""
    finished.sql("update features.project_features set funding_ratio = funding_ratio / 3")
    assert finished.run("predict", run_id="run-2", hour=1).code == 0
    for name, entity in (("project_success", "project"), ("milestone_risk", "milestone")):
        with open_warehouse(finished.db) as warehouse:
            run: Any = run_in_use(warehouse, name)
            fitted = artifacts.load(finished.models, run)
        rows = finished.sql(
            f"""select feature_values, made.snapshot_kind, launched_at, predicted_probability
            from ml.predictions as made
            inner join ml.prediction_inputs using (prediction_id)
            inner join (select distinct {entity}_id, project_id from features.{entity}_features)
                on entity_id = {entity}_id
            inner join core.dim_projects using (project_id)
            where model_name = '{name}'"""
        )
        values = [json.loads(text) for text, *_ in rows]
        known = [each.get("known_outcome") for each in values]
        features = rolling.features_of(fitted)
        table = pa.table(
            {column: pa.array([e.get(column) for e in values], pa.float64())
             for column in features.numeric}
            | {column: pa.array([e.get(column) for e in values], pa.string())
               for column in features.categorical}
            | {"known_outcome": pa.array(known, pa.bool_()),
               "snapshot_kind": [kind for _, kind, _, _ in rows],
               "launched_at": pa.array([at for _, _, at, _ in rows], pa.timestamp("us"))}
        )  # fmt: skip
        assert np.array_equal(probabilities(fitted, table), [made for *_, made in rows])
        assert all(each.keys() in ({"known_outcome"}, set(features.names)) for each in values)


def test_corrected_data_are_predicted_anew_and_going_back_too(finished: Any) -> None:
    """The newest prediction of a snapshot is the one from the values that it has now."""

    def current() -> list[tuple[Any, ...]]:
        rows = finished.sql(
            "select prediction_id, entity_id, predicted_probability from"
            " intermediate.int_predictions_current where model_name = 'project_success'"
            " and snapshot_kind = 'current' order by all"
        )
        assert len(rows) == len({entity for _, entity, _ in rows})
        return rows  # type: ignore[no-any-return]

    one = finished.sql("select min(project_id) from features.project_features"
                       " where snapshot_kind = 'current' and not is_decided")[0][0]  # fmt: skip
    where = f"where project_id = {one} and snapshot_kind = 'current'"
    [(funding,)] = finished.sql(f"select funding_ratio from features.project_features {where}")
    first = current()
    for hour, ratio in ((1, 0.9 * funding + 1), (2, funding)):
        finished.sql(f"update features.project_features set funding_ratio = {ratio!r} {where}")
        assert finished.run("predict", run_id=f"run-{hour}", hour=hour).code == 0
        found = current()
        assert {row[1] for row in set(found) ^ set(first)} == ({one} if hour == 1 else set())
    assert finished.sql(f"select count(*) from ml.predictions where entity_id = {one}"
                        " and model_name = 'project_success' and snapshot_kind = 'current'"
                        ) == [(3,)]  # fmt: skip
    assert finished.run("predict", run_id="run-3", hour=3).out.count("nothing new") == 2
    finished.sql(f"delete from features.project_features where project_id = {one}")
    assert one not in {entity for _, entity, _ in current()}


def test_what_is_known_already_is_no_matter_of_prediction(finished: Any) -> None:
    rows = finished.sql(
        """select predicted_probability, predicted_label, is_decided, feature_values, feature,
            feature_value, contribution
        from intermediate.int_predictions_current as made
        inner join ml.prediction_inputs using (prediction_id)
        inner join ml.prediction_reasons as reasons using (prediction_id)
        inner join features.milestone_labels as labels on made.entity_id = labels.milestone_id
        where made.model_name = 'milestone_risk' and snapshot_kind = 'current'
            and outcome_known_at <= snapshot_at"""
    )
    assert len(rows) > 5
    assert set(rows) == {
        (1.0, True, True, '{"known_outcome":true}', "(known outcome)", "is_high_risk = true", 1.0)
    }
