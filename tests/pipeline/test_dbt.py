"""What ended an invocation of dbt: the data, a bug, or the machine."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import dbt
from pipeline.errors import BUG, REFUSED, WRONG_CALL

NO_MASTER = "An error occurred while calling x\n: Cannot call methods on a stopped SparkContext."


def ended(status: str, message: str, *, kind: str = "model", exception: object = None) -> Any:
    node = SimpleNamespace(resource_type=kind, name="it")
    results = [SimpleNamespace(status=status, message=message, node=node)]
    return SimpleNamespace(
        success=False, exception=exception, result=SimpleNamespace(results=results)
    )


def test_a_var_that_the_project_refuses_is_a_wrong_call_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "Compilation Error in operation x\n  dbt_project.yml: vars.review_cost must be a number"
    assert dbt._judge(ended("error", said)) == (WRONG_CALL, "")
    message = "dbt: dbt_project.yml: vars.review_cost must be a number\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (ended("error", "Compilation Error\n  no_such_macro is undefined"), BUG),
        (ended("error", "Runtime Error\n  IO Error: No space left on device"), WRONG_CALL),
        (ended("error", "Runtime Error\n  Out of Memory Error: failed to pin block"), WRONG_CALL),
        (ended("skipped", "", exception=OSError(28, "No space left on device", "x")), WRONG_CALL),
        (ended("skipped", "", exception=RuntimeError("no such thing")), BUG),
        (ended("skipped", "", exception=RuntimeError(NO_MASTER)), WRONG_CALL),
        (ended("fail", "Got 2 results, configured to fail if != 0", kind="test"), REFUSED),
    ],
)
def test_what_ended_dbt_decides_the_code(
    done: Any, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_MASTER", "spark://host:8080")
    assert dbt._judge(done) == (code, "")
    message = capsys.readouterr().err
    assert ("then run again" in message) == (code == WRONG_CALL)
    if code == WRONG_CALL:
        assert len(message.splitlines()) == 1
        assert ("SPARK_MASTER=spark://host:8080" in message) == (NO_MASTER in str(done.exception))
