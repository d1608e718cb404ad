"""The registered designs, and what is wrong with a broken file."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from generator.config import SimulationConfig
from ml.experiments import designs
from ml.experiments.designs import Experiment
from ml.settings_file import SettingsError


def test_highlighting_is_registered() -> None:
    design = designs.load().registered["highlight_projects"]
    assert (design.control, design.treatments) == ("control", ("treatment",))
    assert design.starts_at == datetime(2023, 11, 6)
    assert design.plan is not None
    assert (design.plan.base, design.plan.lift) == (0.05, 0.15)
    assert design.look_at(design.look_count) == datetime(2023, 12, 25)


def test_the_generated_experiment_begins_as_registered_and_lasts_until_the_last_look() -> None:
    design, config = designs.load().registered["highlight_projects"], SimulationConfig()
    ends_at = config.ends_at.replace(tzinfo=None)
    assert ends_at - timedelta(days=config.exposure_days) == design.starts_at
    assert design.look_at(design.look_count) < ends_at


def test_an_unknown_experiment_is_exploratory_with_its_own_arms() -> None:
    first, last = datetime(2023, 5, 4, 3), datetime(2023, 6, 3)
    seen = Experiment("badge", ["a", "control", "z"], first, last, first)
    found = designs.load().of(seen, datetime(2023, 6, 3, 1))
    assert found.plan is None
    assert (found.control, found.treatments) == ("control", ("a", "z"))
    assert found.look_at(5) == datetime(2023, 6, 3, 1)
    assert found.starts_at <= first < found.look_at(1)
    assert found.starts_at + found.enrol_days * timedelta(days=1) > last


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lift = 0.15", "lift = -1", "designs.highlight_projects.lift must be a number from"),
        ("look_days = 1\n", "look_days = 1.5\n", "look_days must be a whole number from 1"),
        ("base = 0.05\n", "", "designs.highlight_projects.base is missing"),
        ("power = 0.8", "power = 0.8\npeek = 1", "designs.highlight_projects.peek is unknown"),
        ("00:00:00Z", "00:00:00", "starts_at must be a timestamp with its zone"),
        ("control = 1, treatment = 1", "control = 1", "arms must name two arms or more"),
        ("treatment = 1", "treatment = 0", "arms.treatment must be a whole number from 1"),
        ('salt = "2023-11"', "salt = 7", "salt must be a text that is not empty, not 7"),
        ("min_weeks = 1", "min_weeks = 0", "min_weeks must be a whole number from 1"),
        ("min_weeks = 1", "min_weeks = 5", "must enrol for min_weeks = 5 weeks or longer"),
        ("_share = 0.5", "_share = 1.5", "min_population_share must be a number from 0"),
        ("[exploratory]", "[exploratory", "is not valid TOML"),
        ("[designs.highlight_projects]", '[designs."High light"]', "must be a lower-case name"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = designs.DEFAULT_PATH.read_text()
    assert old in text
    file = tmp_path / "designs.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(SettingsError) as error:
        designs.load(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        designs.load(tmp_path / "none.toml")
