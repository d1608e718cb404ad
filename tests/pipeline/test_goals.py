"""Goals that are no stage of a run."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from generator import cli
from pipeline import goals, settings
from pipeline.paths import Paths


def test_truth_can_be_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "warehouse" / "truth" / "steady-1-42"

    def run_command(_: str, commands: Sequence[Sequence[str]], __: str) -> None:
        for module, *arguments in commands:
            if module == "generator":
                assert cli.main(arguments) == 0
            if module == "ml.modeling.ceiling":
                (folder / "ceiling_milestone_risk.parquet").write_text("of ml")

    paths = Paths.at(str(tmp_path / "warehouse"), "")
    context = SimpleNamespace(paths=paths, settings=settings.read([], {}))
    monkeypatch.setattr(goals, "_features", lambda *_, **__: None)
    for _ in range(2):
        goals.truth(cast("Any", SimpleNamespace(context=context, run_command=run_command)))
        assert (folder / "ceiling_milestone_risk.parquet").is_file()
