"""Skill: whether a model is proven better than the base rate and than a rule of one feature."""

from collections.abc import Iterable, Sequence

import numpy as np

from ml.modeling.baselines import Predictor, rule_name
from ml.modeling.metrics import ALL_KINDS, Metric, ScoredRows, difference_in_log_loss
from ml.modeling.skill_states import NOT_PROVEN, NOT_TESTED, PROVEN
from ml.settings import BASE_RATE, ModelSettings

OVER_BASE_RATE, OVER_RULE = "log_loss_over_base_rate", "log_loss_over_rule"


def differences(
    model: ModelSettings, rows: ScoredRows, rivals: Sequence[Predictor]
) -> list[Metric]:
    """Measures how much higher the log loss is than that of base rate and one-feature rule.

    Paired, on the rows still open, with 95 % intervals over projects or creators.

    Args:
        model: Settings of the model.
        rows: What the model predicts of the test rows.
        rivals: What the baselines predict of the same rows.

    Returns:
        Two metrics; none where nothing can be tested, as `untested_reason` says.
    """
    is_open = ~rows.is_decided
    judged = rows.where(is_open)
    if not rivals or untested_reason(judged, model):
        return []
    probability = {each.name: each.probability[is_open] for each in rivals}
    size, base_rate = len(judged.label), float(judged.label.mean())
    found = []
    for metric, rival in ((OVER_BASE_RATE, BASE_RATE), (OVER_RULE, rule_name(model))):
        difference = difference_in_log_loss(judged, probability[rival])
        row = Metric("test_undecided", ALL_KINDS, size, base_rate, metric, *difference)
        found.append(row)
    return found


def untested_reason(
    rows: ScoredRows, model: ModelSettings, whose: str = "test projects"
) -> str | None:
    """Returns why no difference can be tested on these rows; None when it can.

    Rows of one creator go together by chance: from them alone nothing is known of others.
    """
    count, needed = len(np.unique(rows.project_id)), model.split.min_entities
    if count < needed:
        return f"{count} {whose}, {needed} are needed"
    if len(np.unique(rows.creator_id)) < 2:
        return f"all {count} {whose} are of one creator"
    return None


def state(measured: Iterable[Metric]) -> str:
    """Returns `proven` when the model is better than both, both times with 95 % confidence."""
    ends = [each.ci_high for each in measured if each.metric in (OVER_BASE_RATE, OVER_RULE)]
    if not ends:
        return NOT_TESTED
    is_proven = all(end is not None and end < 0 for end in ends)
    return PROVEN if is_proven else NOT_PROVEN
