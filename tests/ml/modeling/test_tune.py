"""The trials of hyperparameters, and what is printed when there is nothing to try on."""

import sys

import pytest

from ml.modeling import tune
from tests.ml.conftest import Platform


def test_every_trial_changes_one_value(world: Platform) -> None:
    model = world.setting("project_success")
    first, *others = tune.trials(model)
    assert first == ("as it is", model)
    for change, changed in others:
        name = change.partition(" = ")[0]
        rest = {key: value for key, value in changed.hyperparameters.items() if key != name}
        assert rest.items() <= model.hyperparameters.items()
        assert changed.hyperparameters[name] != model.hyperparameters.get(name)


def test_without_rows_no_figure_is_printed(
    fresh: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh.sql("delete from features.project_labels")
    fresh.keep_only("project_success")
    arguments = ["tune", "--db", str(fresh.db), "--config", str(fresh.config)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert tune.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "tune       project_success by random_forest",
        "           too few rows to try anything",
        "tune       project_success by gradient_boosting",
        "           too few rows to try anything",
    ]
