"""The strategy named before a launch is the one recorded after it."""

from datetime import datetime
from pathlib import Path

import pytest

from ml.bandit.__main__ import answer, main
from ml.bandit.settings import BanditSettings
from ml.warehouse import read_warehouse
from tests.ml.bandit.conftest import Future, Platform


@pytest.mark.parametrize("timestamp", [datetime(2023, 6, 1), datetime(2023, 6, 5)])
def test_what_is_told_before_the_launch_is_recorded_after_it(
    future: Future, platform: Platform, chosen: BanditSettings, tmp_path: Path, timestamp: datetime
) -> None:
    """In the middle of a week, and on the very Monday that begins one."""
    early = future.at(timestamp, tmp_path / "early.duckdb")
    early.decide(chosen)
    platform.decide(chosen)
    later = platform.sql(
        f"""select project_id, chosen_strategy, propensity, batch_at, state
        from ml.bandit_decisions
        where launched_at >= timestamp '{timestamp}' and batch_at <= timestamp '{timestamp}'"""
    )
    assert later
    with read_warehouse(early.path) as warehouse:
        for project, *recorded in later:
            assert list(answer(warehouse, project)) == recorded


def test_a_project_that_has_launched_gets_what_was_recorded(
    platform: Platform, chosen: BanditSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a choice as of now: it would be another one."""
    platform.decide(chosen)
    [(project, own, launched_at, strategy, propensity)] = platform.sql(
        """select project_id, release_strategy, launched_at, chosen_strategy, propensity
        from ml.bandit_decisions inner join core.dim_projects using (project_id, launched_at)
        order by launched_at limit 1"""
    )
    assert main(["--db", str(platform.path), "--project", str(project)]) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 120
    assert " ".join(output.split()).startswith(
        f"strategy project {project}: launched already, on {launched_at:%Y-%m-%d}, with {own};"
        f" recorded for it: {strategy}, chosen with probability {propensity:.4f}"
    )


def test_a_project_older_than_the_bandit_has_nothing_recorded(
    platform: Platform, chosen: BanditSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.decide(chosen)
    assert main(["--db", str(platform.path), "--project", "1"]) == 0
    output = capsys.readouterr().out
    assert "launched already, on 2022-01-" in output
    assert " ".join(output.split()).endswith("no decision of the bandit is recorded for it")


def test_nothing_to_choose_from_is_one_line(
    platform: Platform, chosen: BanditSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--db", str(platform.path), "--project", "70001"]
    platform.sql("update core.dim_projects set release_strategy = null")
    platform.decide(chosen)
    assert main(call) == 2
    assert capsys.readouterr().err == (
        "strategy: no strategy can be chosen: no project has a release strategy\n"
    )


def test_a_warehouse_of_another_version_is_one_line(
    platform: Platform, chosen: BanditSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.decide(chosen)
    platform.sql("alter table core.dim_projects rename release_strategy to strategy")
    assert main(["--db", str(platform.path), "--project", "70001"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        f"strategy: {platform.path} was built by another version of this project (Binder Error: "
    )
    assert '"release_strategy"' in err
    assert err.endswith("): make run\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("project", ["0", "-5", "9223372036854775808"])
def test_a_number_that_is_no_id_gets_no_strategy(
    platform: Platform,
    chosen: BanditSettings,
    project: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    platform.decide(chosen)
    assert main(["--db", str(platform.path), "--project", project]) == 2
    assert f"{project} cannot be the id of a project" in capsys.readouterr().err
