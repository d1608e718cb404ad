"""`python -m ml.serving`: one line and an exit code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml.serving.__main__ import main
from ml.serving.rate_limit import RateLimit

ROOT = Path(__file__).resolve().parents[3]


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: Any
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["serving", *map(str, arguments)])
    code = main()
    out, err = capsys.readouterr()
    return code, out, err


def test_the_answer_is_a_line_with_reasons_and_amount_below(
    finished: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [(project, probability, version)] = finished.sql(
        "update ml.model_runs set skill_state = 'proven' where is_champion;"
        "select entity_id, predicted_probability, model_version from ml.predictions"
        " where model_name = 'project_success' and snapshot_kind = 'current' and is_decided limit 1"
    )
    there = ("--warehouse", finished.folder)
    code, out, _ = call(monkeypatch, capsys, *there, "--project", project, "--client", "ann")
    assert code == 0
    first, *others = out.splitlines()
    assert first == (
        f"predict-one project {project}: success {probability:.4f}, though that is decided already,"
        f" as of 2024-01-01 00:00:00.000001, by project_success {version}"
        " (beats base rate and one-feature rule)"
        f" -> {finished.folder}/online/predictions.jsonl"
    )
    reason = r"\w+ = \S+ \([-+]\d+\.\d{3}\)"
    told = " ".join(each.strip() for each in others)
    assert re.fullmatch(rf"reasons, in log-odds: {reason}; {reason}; {reason}", told)
    [(milestone,)] = finished.sql(
        "select min(milestone_id) from features.milestone_features where snapshot_kind = 'current'"
        " and not is_decided"
    )
    code, out, _ = call(monkeypatch, capsys, *there, "--milestone", milestone)
    assert code == 0
    assert out.startswith(f"predict-one milestone {milestone}: high risk 0.")
    assert finished.run("amount").code == 0
    code, out, _ = call(monkeypatch, capsys, *there, "--project", project)
    number = r"[\d,]+\.\d\d"
    pattern = rf" {{11}}final amount {number}, between {number} and {number} \(90 %\)"
    assert re.fullmatch(pattern, out.splitlines()[1])


def test_an_answer_does_not_wait_for_scikit_learn() -> None:
    code = "import ml.serving.__main__, sys; sys.exit(not sys.modules.keys().isdisjoint(sys.argv))"
    call = [sys.executable, "-c", code, "sklearn", "scipy", "pandas", "fastapi"]
    assert subprocess.run(call, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("wrong", ["abc", "1_9_5", "١٩٥", " 7", "1.0", ""])
def test_an_id_is_plain_digits_and_anything_else_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, capsys, "--warehouse", tmp_path, f"--project={wrong}")
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(f"argument --project: {wrong!r} is not a whole number")


def test_whoever_has_to_wait_leaves_with_1_and_a_wrong_call_with_2(
    finished: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{finished.folder}/limits/requests.sqlite"
    limit = RateLimit(url)
    for _ in range(60):
        limit.take("ann")
    there = ("--warehouse", finished.folder, "--project", -1)
    code, out, err = call(monkeypatch, capsys, *there, "--client", "ann")
    assert (code, out) == (1, "")
    assert err.startswith("predict-one: client 'ann' has made 60 requests")
    assert len(err.splitlines()) == 1
    for client, message in (
        ("bob", "there is no project -1"),
        ("", "client must be 1 to 200 printable characters"),
    ):
        code, out, err = call(monkeypatch, capsys, *there, "--client", client, "--limits", url)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1
