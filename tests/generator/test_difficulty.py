"""How well a model can predict is that of published studies, at each snapshot kind."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from generator.arrays import DAY, HOUR, Bools, Floats
from tests.generator.measured import END, Sample


def launch_features(sample: Sample) -> Floats:
    """What a model may know at launch, without the creator's history."""
    projects = sample.block.projects
    month = projects.launched_at.astype("datetime64[us]").astype("datetime64[M]").astype(int) % 12
    return np.column_stack(
        [
            projects.category,
            projects.country,
            np.log(projects.goal),
            (projects.deadline_at - projects.launched_at) / DAY,
            (projects.launched_at // DAY + 3) % 7,
            month,
        ]
    )


def early_features(sample: Sample, hours: int) -> Floats:
    """Pledges of the first hours: number, money over goal, size, and the last day's number."""
    pledges, projects = sample.block.pledges, sample.block.projects
    age = pledges.pledged_at - projects.launched_at[pledges.project]
    is_seen = age < hours * HOUR
    project, size = pledges.project[is_seen], len(projects.goal)
    count = np.bincount(project, minlength=size)
    money = np.bincount(project, pledges.amount[is_seen], size)
    recent = np.bincount(project[age[is_seen] >= (hours - 24) * HOUR], minlength=size)
    ratio = money / projects.goal
    return np.column_stack([ratio, count, money / np.maximum(count, 1), recent])


def predicted(features: Floats, funded: Bools, train: Bools, test: Bools) -> Floats:
    """Fits gradient boosting on some projects and predicts the success of others."""
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.06, max_leaf_nodes=15, l2_regularization=1.0, random_state=0
    )
    chance: Floats = model.fit(features[train], funded[train]).predict_proba(features[test])[:, 1]
    return chance


def test_how_much_is_known_at_launch(sample: Sample) -> None:
    funded, projects = sample.block.campaigns.is_funded, sample.block.projects
    is_train = projects.creator % 2 == 0
    train, test = sample.over & is_train, sample.over & ~is_train
    launches, known, successes = sample.history
    ratio = np.where(known > 0, successes / np.maximum(known, 1), np.nan)
    static = launch_features(sample)
    full = np.column_stack([static, launches, known, ratio, (successes + 0.8) / (known + 2)])
    chance = predicted(full, funded, train, test)
    is_first = launches[test] == 0
    # Half a world of 50 units trains worse than a whole one of 100, by about .01.
    assert 0.77 < roc_auc_score(funded[test], chance) < 0.83
    assert 0.64 < roc_auc_score(funded[test][is_first], chance[is_first]) < 0.74
    assert 0.65 < roc_auc_score(funded[test], predicted(static, funded, train, test)) < 0.72


@pytest.mark.parametrize(
    ("hours", "accuracy", "tolerance"),
    [(4, 0.75, 0.03), (36, 0.84, 0.025), (72, 0.855, 0.02), (144, 0.87, 0.025)],
)
def test_how_much_early_pledges_tell(
    sample: Sample, hours: int, accuracy: float, tolerance: float
) -> None:
    funded, projects = sample.block.campaigns.is_funded, sample.block.projects
    closed_at = np.minimum(projects.deadline_at, sample.block.campaigns.cancelled_at)
    is_running = (projects.launched_at + hours * HOUR < closed_at) & (closed_at < END)
    _, known, successes = sample.history
    early = early_features(sample, hours)
    features = np.column_stack([launch_features(sample), known, successes, early])
    is_train = projects.creator % 2 == 0
    train, test = is_running & is_train & (early[:, 0] < 1), is_running & ~is_train
    chance = predicted(features, funded, train, test)
    says_yes = (chance > 0.5) | (early[test, 0] >= 1)
    assert (says_yes == funded[test]).mean() == pytest.approx(accuracy, abs=tolerance)
