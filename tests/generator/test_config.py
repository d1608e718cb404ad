"""Impossible parameters are refused by name; every parameter is documented."""

import math
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from generator.config import CHOSEN, W3F, ConfigError, SimulationConfig

IMPOSSIBLE: list[tuple[str, Any]] = [
    ("scale", 0),
    ("scale", 1.5),
    ("scale", True),
    ("scale", "2"),
    ("herding", "1"),
    ("wander_sd", None),
    ("seed", -1),
    ("scenario", "boom"),
    ("creators_per_scale", 0),
    ("projects_per_scale", 0),
    ("projects_per_scale", 49),
    ("projects_per_scale", 601),
    ("backers_per_scale", 0),
    ("exposures_per_scale", -1),
    ("block_scale", 0),
    ("ends_at", datetime(2020, 1, 1, tzinfo=UTC)),
    ("ends_at", datetime(2024, 1, 1)),
    ("starts_at", "2021-01-01"),
    ("growth", -1.0),
    ("exposure_days", 2000.0),
    ("cancel_share", 1.2),
    ("burst_mean", -0.1),
    ("burst_hours", 0.0),
    ("pledge_sd", -1.0),
    ("price_tail", 1.1),
    ("price_tail", -0.1),
    ("cap_pledges", 0),
    ("cap_pledges", 99.5),
    ("exchange_sd", -0.1),
    ("top_up_means", 0.0),
    ("planned_shape", 0.0),
    ("herding", math.nan),
    ("highlight_lift", -1.0),
    ("highlight_lift", 4.0),
    ("highlight_shown", 1.1),
    ("highlight_shown", 0.0),
    ("budget_sharing", -0.1),
    ("scenario_days", 0.0),
    ("price_shift", -1.0),
    ("bot_share", 2.0),
    ("highest_goal", 1.0),
    ("lowest_goal", math.inf),
    ("strategy_slips", (0.0, 0.0)),
    ("strategy_slips", (0.0, 0.0, 0.0, math.nan)),
    ("experiment", ""),
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_an_impossible_parameter_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} "):
        SimulationConfig(**{name: value})


def test_a_scenario_must_have_a_time_before_it() -> None:
    with pytest.raises(ConfigError, match=r"^scenario_days must fit between"):
        SimulationConfig(scenario="bot_pledges", scenario_days=2000.0)
    assert SimulationConfig(scenario_days=2000.0).scenario == "steady"


def test_a_highlight_cannot_lower_conversion_below_nothing() -> None:
    with pytest.raises(ConfigError, match=r"^highlight_lift must be at least -highlight_shown"):
        SimulationConfig(highlight_lift=-0.8, highlight_shown=0.5)


def test_the_message_says_what_is_allowed_and_what_was_given() -> None:
    with pytest.raises(ConfigError) as error:
        SimulationConfig(cancel_share=1.2)
    assert str(error.value) == "cancel_share must lie between 0 and 1, got 1.2"


@pytest.mark.parametrize("field", fields(SimulationConfig), ids=lambda field: field.name)
def test_every_parameter_is_documented(field: Any) -> None:
    assert field.metadata["unit"]
    assert field.metadata["source"]
    assert field.metadata["meaning"]


def test_what_kickstarter_does_not_have_is_not_fitted_to_it() -> None:
    """Its campaigns have no milestones and no votes."""
    names = [field.name for field in fields(SimulationConfig)]
    delivery = fields(SimulationConfig)[names.index("planned_days") : names.index("scenario_days")]
    assert {field.metadata["source"] for field in delivery} == {CHOSEN, W3F}


def test_a_config_cannot_change() -> None:
    config: Any = SimulationConfig()
    with pytest.raises(AttributeError):
        config.scale = 2
