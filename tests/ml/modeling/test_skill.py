"""Skill is proven only against both rivals, with confidence over projects, on open snapshots."""

from pathlib import Path

import numpy as np
import pytest

from ml import settings
from ml.modeling import skill
from ml.modeling.baselines import BASE_RATE, Predictor, rule_name
from ml.modeling.metrics import Metric, ScoredRows
from ml.settings import ModelSettings

PROJECTS, SNAPSHOTS = 200, 4


@pytest.fixture
def model() -> ModelSettings:
    return settings.load(Path(settings.DEFAULT_PATH))[0]


def rows(sharpness: float, projects: int = PROJECTS, seed: int = 1) -> ScoredRows:
    """Snapshots of projects, predicted the better the larger `sharpness` is; 0 is the base rate."""
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.random(projects) < 0.5, SNAPSHOTS)
    noise = np.repeat(rng.normal(0, 1, projects), SNAPSHOTS)
    score = sharpness * (np.where(label, 1.0, -1.0) + noise)
    count = len(label)
    project = np.repeat(np.arange(projects), SNAPSHOTS)
    return ScoredRows(
        entity_id=project,
        project_id=project,
        creator_id=project,
        snapshot_kind=np.tile(np.array(["launch", "h4", "h36", "d3"]), projects),
        is_decided=np.zeros(count, dtype=bool),
        is_first_time=np.zeros(count, dtype=bool),
        label=label,
        probability=1 / (1 + np.exp(-score)),
        true_probability=np.full(count, np.nan),
        amount=np.full(count, np.nan),
    )


def rivals(model: ModelSettings, judged: ScoredRows, rule: float = 0.0) -> list[Predictor]:
    """The base rate, and a rule as sharp as `rule`."""
    half = np.full(len(judged.label), 0.5)
    ruled = rows(rule, len(judged.label) // SNAPSHOTS).probability
    return [Predictor(BASE_RATE, half), Predictor(rule_name(model), ruled)]


def measured(model: ModelSettings, judged: ScoredRows, rule: float = 0.0) -> list[Metric]:
    return skill.differences(model, judged, rivals(model, judged, rule))


def test_skill_needs_both_rivals_beaten(model: ModelSettings) -> None:
    assert skill.state(measured(model, rows(1.0))) == skill.PROVEN
    assert skill.state(measured(model, rows(0.0))) == skill.NOT_PROVEN
    # better than the base rate, not better than the rule
    found = {each.metric: each for each in measured(model, rows(1.0), rule=1.0)}
    over_base_rate = found[skill.OVER_BASE_RATE].ci_high
    assert over_base_rate is not None
    assert over_base_rate < 0
    assert skill.state(found.values()) == skill.NOT_PROVEN


def test_an_advantage_within_chance_is_not_proven(model: ModelSettings) -> None:
    slight = rows(1.0, projects=30)
    noisy = slight._replace(probability=np.clip(slight.probability**3, 0.01, 0.99))
    [base, _] = measured(model, noisy)
    assert base.ci_low is not None
    assert base.ci_high is not None
    assert base.ci_low < 0 < base.ci_high
    assert skill.state([base]) == skill.NOT_PROVEN


def test_snapshots_of_a_project_count_once(model: ModelSettings) -> None:
    """Four copies of each project give no narrower interval than one."""
    judged = rows(0.5)
    once = judged.where(judged.snapshot_kind == "d3")
    wide, narrow = measured(model, judged)[0], measured(model, once)[0]
    assert wide.ci_high == pytest.approx(narrow.ci_high, abs=1e-12)


def test_decided_snapshots_do_not_count(model: ModelSettings) -> None:
    judged = rows(0.0)
    sure = np.where(judged.label, 0.999, 0.001)
    half = judged.snapshot_kind == "d3"
    flattered = judged._replace(
        is_decided=half, probability=np.where(half, sure, judged.probability)
    )
    found = measured(model, flattered)
    assert skill.state(found) == skill.NOT_PROVEN
    assert {each.row_count for each in found} == {PROJECTS * (SNAPSHOTS - 1)}


def test_too_few_projects_or_none_are_not_tested(model: ModelSettings) -> None:
    fewest = model.split.min_entities
    assert measured(model, rows(1.0, projects=fewest - 1)) == []
    assert len(measured(model, rows(1.0, projects=fewest))) == 2
    nothing = rows(1.0).where(np.zeros(PROJECTS * SNAPSHOTS, dtype=bool))
    assert skill.differences(model, nothing, []) == []
    assert skill.state([]) == skill.NOT_TESTED


def test_projects_of_one_creator_are_not_tested(model: ModelSettings) -> None:
    alone = rows(1.0)._replace(creator_id=np.zeros(PROJECTS * SNAPSHOTS, dtype=np.int64))
    assert measured(model, alone) == []
    reason = f"all {PROJECTS} test projects are of one creator"
    assert skill.untested_reason(alone, model) == reason
    assert skill.untested_reason(rows(1.0), model) is None
