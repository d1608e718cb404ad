"""The size of an experiment, before and on this platform."""

from pathlib import Path

import numpy as np
import pytest

from ml.experiments.design import detectable_lift, main, sample_size
from tests.ml.experiments.conftest import Lab, draw_world


@pytest.mark.parametrize(("power", "size"), [(0.8, 14_190), (0.9, 18_997)])
def test_sizes_are_those_of_the_unpooled_z_test(power: float, size: int) -> None:
    assert sample_size(0.05, 0.15, power=power) == size


def test_detectable_lift_is_the_inverse() -> None:
    for lift in (0.02, 0.15, 1.3):
        size = sample_size(0.05, lift, power=0.8)
        assert detectable_lift(0.05, size, power=0.8) == pytest.approx(lift, rel=5e-3)
    assert detectable_lift(0.05, 0.3, power=0.8) == np.inf


def test_without_a_warehouse_it_says_the_size_and_that_run_time_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--base", "0.05", "--lift", "0.15", "--power", "0.8"]
    assert main([*arguments, "--db", str(tmp_path / "none.duckdb")]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "14,190 views per arm find 5.000 % against 5.750 % (+15 %)" in output
    assert "two-sided z-test, unpooled variance" in output
    assert "the run time is not known" in output


def test_with_a_warehouse_it_says_what_this_platform_can_find(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    exposures, pledges = draw_world(np.random.default_rng(1), backers=300)
    lab.fill(exposures, pledges)
    assert main(["--base", "0.05", "--lift", "0.15", "--db", str(lab.db)]) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 120
    output = " ".join(output.split())
    assert "this platform (highlight_projects): " in output
    assert "clustering by backer multiplies the variance by " in output
    assert "days of entry it can find +" in output


@pytest.mark.parametrize(
    ("base", "lift", "power"),
    [("0", "0.1", "0.8"), ("0.5", "1.2", "0.8"), ("0.05", "0", "0.8"), ("0.05", "0.1", "1")],
)
def test_an_impossible_design_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], base: str, lift: str, power: str
) -> None:
    assert main(["--base", base, "--lift", lift, "--power", power]) == 2
    output = capsys.readouterr().err
    assert output.startswith("experiment-design: ")
    assert "must" in output
    assert len(output.splitlines()) == 1
