"""`models.toml`: what is wrong is named."""

from pathlib import Path

import pytest

from ml import settings
from ml.modeling import estimators
from ml.settings_file import SettingsError
from tests import declared


def load_with(tmp_path: Path, old: str, new: str) -> None:
    text = settings.DEFAULT_PATH.read_text()
    assert old in text
    path = tmp_path / "models.toml"
    path.write_text(text.replace(old, new, 1))
    for model in settings.load(path, declared.catalogue()):
        for each in model.candidates()[1:]:
            estimators.build(each)


def test_the_file_of_the_repository_is_sound() -> None:
    models = settings.load(settings.DEFAULT_PATH, declared.catalogue())
    assert [(model.name, model.entity, model.estimator) for model in models] == [
        ("project_success", "project", "log_odds_mean"),
        ("milestone_risk", "milestone", "log_odds_mean"),
    ]
    for model in models:
        for each in model.candidates()[1:]:
            estimators.build(each)


def test_with_more_projects_trees_count_for_more_and_the_base_rate_for_less() -> None:
    projects, milestones = settings.load(settings.DEFAULT_PATH)
    assert projects.priors(10_000) == projects.priors(1) == (3.0, 3.0, 3.0)
    names = [each.estimator for each in milestones.members()]
    few, many = milestones.priors(40), milestones.priors(200)
    assert names == ["gradient_boosting", "random_forest", "logistic_regression", "base_rate"]
    assert few == (0.03, 0.25, 2.0, 0.4)
    assert many == (0.12, 1.0, 2.0, 0.1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 20240101", "", "seed is missing"),
        ("seed = 20240101", "seed = true", "seed must be a whole number from 0 to 4294967295"),
        ("seed = ", "sede = 1\nseed = ", "sede is unknown; known here: seed,"),
        ("train_every_days = 0", "train_every_days = -1", "train_every_days must be"),
        (
            "cuts = [0.4, 0.55, 0.7, 0.85]",
            "cuts = [0.4, 1.7]",
            "models.project_success.split.cuts: each must be a number from 0.001 to 0.999, not 1.7",
        ),
        ("cuts = [0.4, 0.55", "cuts = [0.4, nan", "cuts: each must be a number from 0.001 to"),
        ("cuts = [0.4, 0.55, 0.7, 0.85]", 'cuts = "0.7"', "cuts must be a list of: a number from"),
        ("cuts = [0.4, 0.55, 0.7, 0.85]", "cuts = [0.7, 0.4]", "cuts must be a rising list of two"),
        (
            'products = [["pace_ratio", "elapsed_ratio"]',
            'products = [["pace_ratio", "elapsed_ratoi"]',
            "linear.products holds 'elapsed_ratoi', which is neither in plain nor in logarithms",
        ),
        (
            'products = [["pace_ratio", "elapsed_ratio"]',
            'products = [["pace_ratio"]',
            "linear.products: each must be a list of 2: a lower-case name, not ['pace_ratio']",
        ),
        (
            'products = [["pace_ratio", "elapsed_ratio"]',
            'products = ["x", ["pace_ratio", "elapsed_ratio"]',
            "linear.products: each must be a list of 2: a lower-case name, not 'x'",
        ),
        (
            'challengers = ["random_forest", ',
            'challengers = ["random_forest", "random_forest", ',
            "challengers holds 'random_forest', which is a candidate already",
        ),
        ('"log_odds_mean"', '"random_forest"', "challengers holds 'random_forest', which is a"),
        ('"log_odds_mean"', '"base_rate"', "models.project_success.estimator must be one of"),
        (
            "hyperparameters.random_forest]",
            "hyperparameters.random_forst]",
            "models.project_success.hyperparameters.random_forst is unknown; known here: 'log_odds",
        ),
        (
            "random_forest = 3.0         # of each, in projects of evidence\n"
            "gradient_boosting = 3.0\nlogistic_regression = 3.0\n",
            "",
            "models.project_success.hyperparameters.log_odds_mean names no estimator",
        ),
        ("n_estimators = 100", "bootstrap = false", "random_forest.bootstrap cannot be set"),
        ("C = 0.3", "C = inf", "hyperparameters.logistic_regression.C must be finite, not inf"),
        ("C = 0.3", "class_weight = {a = 1}", "logistic_regression.class_weight cannot be set"),
        ("cuts = [0.4, 0.55, 0.7, 0.85]", "cuts = [0.4]", "models.project_success.split.cuts"),
        ("cuts = [0.4", "cut = [0.4", "models.project_success.split.cut is unknown"),
        (
            'entity = "project"',
            'entity = "backer"',
            "models.project_success.entity must be one of project, milestone, not 'backer'",
        ),
        ('"log_odds_mean"', '"forest"', "models.project_success.estimator must be one of"),
        (
            'challengers = ["random_forest", ',
            'challengers = ["magic", ',
            "models.project_success.challengers: each must be one of random_forest,",
        ),
        (
            'challengers = ["random_forest", ',
            'challengers = ["log_odds_mean", ',
            "models.project_success.challengers: each must be one of random_forest,",
        ),
        (
            "base_rate = 0.4",
            "magic = 3.0",
            "milestone_risk.hyperparameters.log_odds_mean.magic is unknown; known here:",
        ),
        (
            "trees_grow_from = 50",
            "trees_grow_from = 0",
            "hyperparameters.log_odds_mean.trees_grow_from must be a number above 0",
        ),
        (
            "trees_grow_from = 50",
            "trees_grow_from = 0.5",
            "hyperparameters.log_odds_mean.trees_grow_from must be 1 project or more, not 0.5",
        ),
        (
            "base_rate = 0.4",
            "base_rate = true",
            "hyperparameters.log_odds_mean.base_rate must be a number above 0",
        ),
        (
            "base_rate = 0.4",
            "base_rate = 0",
            "hyperparameters.log_odds_mean.base_rate must be a number above 0",
        ),
        (
            'plain = ["category_base_rate"',
            'plain = ["nothing"',
            "models.project_success.linear holds 'nothing', which is no number of",
        ),
        (
            'rule_feature = "pace_ratio"',
            'rule_feature = "country"',
            "models.project_success.rule_feature must be one of funding_goal,",
        ),
        (
            '"is_successful"',
            '"x; drop"',
            "models.project_success.label must be a lower-case name",
        ),
        (
            "leave_out = []",
            'leave_out = ["is_decided"]',
            "leave_out holds 'is_decided', which is no",
        ),
        (
            "leave_out = []",
            'leave_out = ["pace_ratio"]',
            "leave_out holds 'pace_ratio', which rule_feature names too: remove one of the two",
        ),
        (
            "leave_out = []",
            'leave_out = ["launch_month"]',
            "leave_out holds 'launch_month', which drift.report_only names too",
        ),
        (
            "leave_out = []",
            'leave_out = ["pledge_count"]',
            "holds 'pledge_count', which hyperparameters.gradient_boosting.zero_apart names too",
        ),
        ("leave_out = []", 'numeric = ["goal"]', "models.project_success.numeric is unknown"),
        (
            'snapshot_kinds = ["d14", "d3"]',
            'snapshot_kinds = ["current"]',
            "drift.snapshot_kinds must",
        ),
        ('outcome_kind = "d3"', 'outcome_kind = "current"', "drift.outcome_kind must"),
        ("window_days = [90, 30]", "window_days = [30, 90]", "must be a falling list of days"),
        ('"launch_weekday", "launch_month", "prior', '"nothing", "prior', "'nothing', which is no"),
        (
            "n_estimators = 100",
            "n_trees = 100",
            "models.project_success.hyperparameters.random_forest.n_trees cannot be set",
        ),
        (
            'zero_apart = "pledge_count"',
            'zero_apart = "category"',
            "hyperparameters.gradient_boosting.zero_apart must be one of funding_goal, ",
        ),
        ("n_estimators = 100", "n_jobs = 2", "hyperparameters.random_forest.n_jobs cannot be set"),
        ("n_estimators = 100", "n_estimators = -1", "The 'n_estimators' parameter of RandomForest"),
        ("[models.project_success]", "[models.project_success", "is not valid TOML"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_with(tmp_path, old, new)
    assert message in str(caught.value)
    assert "models.toml: " in str(caught.value)


def test_a_linear_model_without_features_and_a_file_without_models_are_named(
    tmp_path: Path,
) -> None:
    text = settings.DEFAULT_PATH.read_text()
    linear = text[text.index("plain = ") : text.index("[models.project_success.hyperparameters")]
    with pytest.raises(SettingsError, match="linear names no feature"):
        load_with(tmp_path, linear, "plain = []\nlogarithms = []\nproducts = []\n")
    (tmp_path / "none.toml").write_text("seed = 1\ntrain_every_days = 0\n[models]\n")
    with pytest.raises(SettingsError, match="models holds no model"):
        settings.load(tmp_path / "none.toml")


def test_a_model_reads_all_features_but_those_left_out(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    text = settings.DEFAULT_PATH.read_text()
    path.write_text(text.replace("leave_out = []", 'leave_out = ["country", "pledged_amount"]', 1))
    catalogue = declared.catalogue()
    less, same = (model.features for model in settings.load(path, catalogue))
    assert same == catalogue["milestone"]
    assert less.categorical == ("category",)
    every = catalogue["project"].numeric
    assert less.numeric == tuple(name for name in every if name != "pledged_amount")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read \(No such file"):
        settings.load(tmp_path / "none.toml")
