"""`bandit.toml`: what is wrong is named."""

from datetime import datetime
from pathlib import Path

import pytest

from ml.bandit import settings
from ml.settings_file import SettingsError


def load(tmp_path: Path, old: str, new: str) -> settings.BanditSettings:
    text = settings.DEFAULT_PATH.read_text()
    assert old in text
    path = tmp_path / "bandit.toml"
    path.write_text(text.replace(old, new))
    return settings.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("min_propensity = 0.025", "min_propensity = 0.001", "exploration.min_propensity must be"),
        ("unproven_cap = 0.2", "unproven_cap = 0.01", "guard_rails.unproven_cap must be a number"),
        ("min_rewards = 20", "min_rewards = 2.5", "start.min_rewards must be a whole number"),
        ("min_decisions = 2000", "min_decisions = 500", "evaluation.min_decisions must be"),
        ("unproven_cap = 0.2", "", "guard_rails.unproven_cap is missing"),
        ("unproven_cap = 0.2", "unproven_cap = true", "guard_rails.unproven_cap must be"),
        ("[start]", "[begin]", "begin is unknown; known here: seed, exploration, start"),
        ("seed =", "seed", "is not valid TOML"),
        (
            "# followed_from = 2024-06-01T00:00:00",
            "followed_from = 7",
            "followed_from must be a timestamp",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, old, new)


def test_a_moment_with_an_offset_is_converted(tmp_path: Path) -> None:
    commented = "# followed_from = 2024-06-01T00:00:00"
    assert settings.load(settings.DEFAULT_PATH).followed_from is None
    found = load(tmp_path, commented, "followed_from = 2024-06-01T02:00:00+02:00")
    assert found.followed_from == datetime(2024, 6, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        settings.load(tmp_path / "none.toml")
