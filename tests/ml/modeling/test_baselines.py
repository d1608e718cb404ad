"""What models are held against: simple rules, a leak that names itself, and the truth if given."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from ml.modeling import baselines
from ml.modeling.rolling import Training
from ml.modeling.rows import first_measured, holdout_rows, rolling_cuts, training_rows
from ml.settings import ModelSettings
from ml.warehouse import open_warehouse
from tests.ml.conftest import Platform
from tests.ml.made_world import write_truth

MODELS = ("project_success", "milestone_risk")
METRICS = "select distinct metric from ml.model_metrics where predictor = '{}'"


class Rows(NamedTuple):
    """What a model trains on and is tested on, and what the baselines say of the latter."""

    model: ModelSettings
    training: pa.Table
    test: pa.Table
    predicted: dict[str, Any]


def rows_of(platform: Platform, name: str) -> Rows:
    model = platform.setting(name)
    with open_warehouse(platform.db) as warehouse:
        cutoff: Any = first_measured(rolling_cuts(warehouse, model))
        training = training_rows(warehouse, model, cutoff)
        test = holdout_rows(warehouse, model, cutoff)
    found = baselines.predictors(model, Training(training), training, test)
    return Rows(model, training, test, dict(found))


@pytest.fixture(scope="module", params=MODELS)
def rows(
    request: pytest.FixtureRequest, world: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Rows:
    return rows_of(world.copy_to(tmp_path_factory.mktemp("b") / "warehouse", None), request.param)


def column(table: pa.Table, name: str) -> Any:
    return np.array(table.column(name).to_pylist())


def auc_of(rows: Rows, name: str) -> float:
    is_open = ~column(rows.test, "is_decided")
    label = column(rows.test, "label")[is_open]
    return float(roc_auc_score(label, rows.predicted[name][is_open]))


def test_the_base_rate_is_that_of_the_clock_in_training(rows: Rows) -> None:
    known, label = column(rows.training, "snapshot_kind"), column(rows.training, "label")
    kinds = column(rows.test, "snapshot_kind")
    rates = {kind: label[known == kind].mean() for kind in np.unique(known)}
    assert len(set(rates.values())) > 1
    wanted = [rates[kind] for kind in kinds]  # each drawn a little to that of all
    assert rows.predicted["base_rate"] == pytest.approx(wanted, abs=0.01)


def test_a_clock_that_training_never_saw_has_the_rate_of_all(rows: Rows) -> None:
    place = rows.test.schema.get_field_index("snapshot_kind")
    other = rows.test.set_column(place, "snapshot_kind", pa.array(["new"] * rows.test.num_rows))
    predicted = baselines.predictors(rows.model, Training(rows.training), rows.training, other)[0]
    assert predicted.name == "base_rate"
    assert predicted.probability == pytest.approx(column(rows.training, "label").mean(), abs=0.03)


def test_the_rule_knows_its_one_feature_and_no_other(rows: Rows) -> None:
    name = rows.model.rule_feature
    predicted = rows.predicted[f"{name}_only"]
    feature = column(rows.test, name).astype(float)
    known = ~np.isnan(feature)
    assert np.ptp(predicted[known]) > 0.1
    kinds = column(rows.test, "snapshot_kind")
    for kind in np.unique(kinds):
        among = known & (kinds == kind)
        order = np.argsort(feature[among], kind="stable")
        steps = np.diff(predicted[among][order])
        assert np.all(steps >= 0) or np.all(steps <= 0)
        assert np.all(steps[np.diff(feature[among][order]) == 0] == 0)
        assert len(np.unique(predicted[~known & (kinds == kind)])) <= 1


def test_the_leaking_model_is_nearly_always_right_and_named_so(rows: Rows) -> None:
    leaks = [name for name in rows.predicted if "leaking" in name]
    assert leaks == ["final_totals_leaking"]
    honest = [auc_of(rows, name) for name in rows.predicted if name not in leaks]
    assert auc_of(rows, leaks[0]) > {"project": 0.98, "milestone": 0.92}[rows.model.entity]
    assert auc_of(rows, leaks[0]) > max(honest)
    used = set(rows.model.features.names)
    assert not used & {"final_pledged_amount", "final_funding_ratio", "final_days_late"}


def test_without_a_truth_there_is_neither_oracle_nor_ceiling(rows: Rows) -> None:
    assert not {"oracle", "observable_ceiling"} & rows.predicted.keys()


def test_a_truth_given_later_adds_its_rows_once(finished: Any, tmp_path: Path) -> None:
    finished.keep_only("project_success")
    outcomes = {row[0] for row in finished.sql(METRICS.format("random_forest"))}
    before = finished.sql("select * from ml.model_metrics order by all")
    truth = write_truth(finished.db, tmp_path / "truth", ceiling=True)
    assert finished.run("train", run_id="run-2", hour=1, truth=truth).code == 0
    assert {row[0] for row in finished.sql(METRICS.format("random_forest"))} - outcomes >= {
        "expected_accuracy",
        "true_calibration_error",
        "auc_above_ceiling",
    }
    assert set(before) < set(finished.sql("select * from ml.model_metrics order by all"))
    for name in ("oracle", "observable_ceiling"):
        assert finished.sql(METRICS.format(name))
    sizes = "select count(*) from ml.model_metrics", "select count(*) from ml.model_runs"
    counts = [finished.sql(size) for size in sizes]
    outcome = finished.run("train", run_id="run-3", hour=2, truth=truth)
    assert outcome.out.count("up to date") == 2
    assert [finished.sql(size) for size in sizes] == counts


def test_without_the_truth_again_nothing_of_it_is_current(finished: Any, tmp_path: Path) -> None:
    finished.keep_only("project_success")
    current = (
        "select predictor, metric, snapshot_kind, split, value from staging.stg_model_metrics"
        " where model_name = 'project_success' order by all"
    )
    before = finished.sql(current)
    truth = write_truth(finished.db, tmp_path / "truth", ceiling=True)
    assert finished.run("train", run_id="run-2", hour=1, truth=truth).code == 0
    assert {row[0] for row in finished.sql(current)} > {row[0] for row in before}
    for run, hour in (("run-3", 2), ("run-4", 3)):
        outcome = finished.run("train", run_id=run, hour=hour)
        assert finished.sql(current) == before
    assert outcome.out.count("up to date") == 2


def test_a_truth_that_covers_some_rows_judges_by_those(finished: Any, tmp_path: Path) -> None:
    finished.keep_only("project_success")
    some = "snapshot_kind <> 'd14' and project_id % 3 > 0"
    truth = write_truth(finished.db, tmp_path / "truth", ceiling=True, where=some)
    assert finished.run("train", run_id="run-2", hour=1, truth=truth).code == 0

    def counts(condition: str) -> Any:
        return finished.sql(
            f"""select snapshot_kind, row_count from staging.stg_model_metrics where split = 'test'
                and model_name = 'project_success' and metric = 'accuracy'
                and snapshot_kind <> 'all' and {condition} order by all"""
        )

    covered = finished.sql(
        f"""select snapshot_kind, count(*)
        from features.project_features
        inner join core.dim_projects using (project_id)
        inner join features.project_labels using (project_id)
        where launched_at > (select min(cutoff_at) from ml.model_runs
                where model_name = 'project_success')
            and deadline_at <= (select as_of from core.warehouse_as_of)
            and snapshot_kind <> 'current' and {some}
        group by all order by all"""
    )
    for name in ("oracle", "observable_ceiling"):
        assert counts(f"predictor = '{name}'") == covered
    assert len(counts("predictor = 'random_forest'")) == 1 + len(covered)
    known = finished.sql(
        "select distinct snapshot_kind from ml.model_metrics"
        " where predictor = 'random_forest' and metric = 'expected_accuracy'"
        " and model_name = 'project_success' order by all"
    )
    assert [row[0] for row in known] == ["all", *(kind for kind, _ in covered)]
    above = "select count(*) from ml.model_metrics where metric like '%above_ceiling'"
    assert finished.sql(above) == [(0,)]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            (
                "update features.project_labels set is_successful = not is_successful"
                " where project_id % 100 = 0",
            ),
            "outcomes of projects that it shares with the warehouse, ",
        ),
        (
            (
                "update features.project_labels set project_id = project_id + 1000000",
                "update features.project_features set project_id = project_id + 1000000",
            ),
            "of 0 outcomes of projects that it shares with the warehouse, 0 differ",
        ),
    ],
)
def test_the_truth_of_another_platform_is_refused(
    fresh: Any, tmp_path: Path, capsys: Any, other: tuple[str, ...], words: str
) -> None:
    stranger = fresh.copy_to(tmp_path / "stranger", capsys)
    for change in other:
        stranger.sql(change)
    truth = write_truth(stranger.db, tmp_path / "truth")
    fresh.keep_only("project_success")
    outcome = fresh.run("train", truth=truth)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith(f"ml: TRUTH={truth} is that of another platform: ")
    assert words in outcome.err
    assert "SCALE, SEED and SCENARIO" in outcome.err
    assert fresh.sql("select count(*) from ml.model_runs") == [(0,)]


def test_the_truth_of_another_platform_is_refused_where_figures_are_kept_too(
    fresh: Any, tmp_path: Path, capsys: Any
) -> None:
    stranger = fresh.copy_to(tmp_path / "stranger", capsys)
    stranger.sql("update features.project_labels set is_successful = not is_successful")
    own, other = (
        write_truth(platform.db, tmp_path / name)
        for name, platform in (("own", fresh), ("other", stranger))
    )
    fresh.keep_only("project_success")
    fresh.run("train", truth=own)
    for hour, move in enumerate((lambda: None, fresh.move), start=1):
        move()
        assert fresh.run("train", truth=other, run_id=f"run-{hour + 1}", hour=hour).code == 2
        assert fresh.run("train", truth=own, run_id=f"run-{hour + 1}", hour=hour).code == 0


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_truth_that_cannot_be_read_is_named(
    fresh: Any, tmp_path: Path, content: bytes | None
) -> None:
    truth = write_truth(fresh.db, tmp_path / "truth")
    file = truth / "truth_snapshots.parquet"
    file.unlink()
    if content:
        file.write_bytes(content)
    fresh.keep_only("project_success")
    outcome = fresh.run("train", truth=truth)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith(f"ml: TRUTH={truth} cannot be used (")
    assert outcome.err.endswith("make truth\n")
