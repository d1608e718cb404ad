"""The examples of docs are whole: what they call is there, with options that it knows."""

import json
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from ml.serving.http.__main__ import parser
from ml.serving.http.answers import Prediction
from ml.serving.http.options import Options

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
UNIT, IMAGE = EXAMPLES / "escrow-serve.service", EXAMPLES / "Dockerfile"
INSTRUCTIONS = {
    "FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


def check_command(words: list[str]) -> None:
    """Fails unless the words start the service with options that it takes."""
    assert Path(words[0]).name == "python"
    assert words[1:3] == ["-m", "ml.serving.http"]
    given = vars(parser().parse_args(words[3:]))
    Options.checked(**{name: value for name, value in given.items() if value is not None})


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile and what they are given, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", IMAGE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_the_answer_of_the_service_has_the_fields_that_are_shown() -> None:
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```json\n(.+?)```", text, re.DOTALL)
    shown = re.sub(r", …}, …\]", "}]", shown)
    names = list(json.loads(shown))
    assert names == list(Prediction.model_fields)
    answer = json.loads(shown) | {"reasons": []}
    Prediction.model_validate_json(json.dumps(answer))


def test_the_unit_starts_the_service() -> None:
    unit = RawConfigParser(strict=True)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(UNIT.read_text())
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    check_command(shlex.split(service["ExecStart"]))
    assert service["ExecStart"].startswith(service["WorkingDirectory"])
    assert service["ReadWritePaths"].startswith(service["WorkingDirectory"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit() -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = ("is not executable", "Failed to add")  # nothing is installed where tests run
    said = [line for line in done.stderr.splitlines() if not any(each in line for each in missing)]
    assert [line for line in said if UNIT.name in line] == []


def test_the_image_starts_the_service_with_what_it_copies() -> None:
    found = instructions()
    assert found[0][0] == "FROM"
    assert {name for name, _ in found} <= INSTRUCTIONS
    given = dict(found)
    check_command([*json.loads(given["ENTRYPOINT"]), *json.loads(given["CMD"])])
    copied = [rest.split()[:-1] for name, rest in found if name == "COPY"]
    assert all((ROOT / path).exists() for paths in copied for path in paths)
    assert ["ml"] in copied
    assert given["EXPOSE"] == str(Options.model_fields["port"].default)
    assert given["USER"] == "escrow"
    names = [name for name, _ in found]
    assert names.index("USER") > names.index("RUN")
    kind, *check = given["HEALTHCHECK"].split(" ", 1)
    assert kind == "CMD"
    compile(json.loads(check[0])[2], "healthcheck", "exec")
