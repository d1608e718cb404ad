"""The gate accepts every kind of generated world: no row violates the contract."""

from pathlib import Path

import pytest

from expectations.landing import stage as land
from generator.cli import generate
from generator.config import SCENARIOS, SimulationConfig


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_gate_lets_the_world_in(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    config = SimulationConfig(scale=4, seed=77, block_scale=2, scenario=scenario)
    generate(config, data, "parquet")
    call = ["--data", str(data), "--warehouse", str(tmp_path / "w"), "--run-id", "r"]
    call += ["--as-of", "", "--on-bad-rows", "reject"]
    assert land.main(call) == 0
    assert capsys.readouterr().err == ""
