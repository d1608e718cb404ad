"""The settings of the repository with models that are made in no time."""

import re

from ml import settings

_SMALLER = (
    ("n_estimators = 100", "n_estimators = 5"),
    ("max_iter = 150", "max_iter = 20"),
    ("max_iter = 75", "max_iter = 8"),
    ("cuts = [0.4, 0.55, 0.7, 0.85]", "cuts = [0.4, 0.7]"),
    ("cuts = [0.4, 0.5, 0.65, 0.8]", "cuts = [0.4, 0.7]"),
)
_FIRST = {"project_success": "random_forest", "milestone_risk": "gradient_boosting"}


def text() -> str:
    """Returns the file with fewer and smaller fits of all estimators."""
    found = settings.DEFAULT_PATH.read_text()
    for real, less in _SMALLER:
        assert real in found
        found = found.replace(real, less)
    return found


def text_without_boosting() -> str:
    """Returns the same with one estimator fewer, alone and in the mean."""
    found = _without(text(), "gradient_boosting")
    found = re.sub(r"^gradient_boosting = .*\n", "", found, flags=re.M)
    return re.sub(r'(, )?"gradient_boosting"(?(1)|, )', "", found)


def text_of_two() -> str:
    """Returns the same with two estimators per model, of which one is the default."""
    found = _without(_without(text(), "log_odds_mean"), "logistic_regression")
    found = re.sub(r"challengers = \[.*\]", "challengers = [@]", found)
    for estimator in _FIRST.values():
        other = next(each for each in _FIRST.values() if each != estimator)
        found = found.replace('"log_odds_mean"', f'"{estimator}"', 1).replace("@", f'"{other}"', 1)
    return found


def _without(file: str, estimator: str) -> str:
    section = rf"\[models\.\w+\.hyperparameters\.{estimator}\].*\n(.+\n)+\n"
    left, count = re.subn(section, "", file)
    assert count == len(_FIRST)
    return left
