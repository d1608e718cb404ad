"""Model files: loaded only if they are the ones that were recorded."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.modeling import artifacts


class Intruder:
    """Unpickling this writes a file."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self._trace,)


def model_file(platform: Any, name: str = "project_success") -> Path:
    [(path,)] = platform.sql(
        f"select distinct artifact_path from ml.model_runs"
        f" where model_name = '{name}' and is_champion"
    )
    return Path(platform.folder / path)


def test_the_bytes_do_not_depend_on_which_equal_strings_are_one_object() -> None:
    one, another = "drop me", "".join(["drop", " me"])
    assert one is not another
    empty = [np.empty(0), np.empty(0)]
    shared: Any = [one, one, *empty]
    distinct: Any = [one, another, *empty]
    assert pickle.dumps(shared) != pickle.dumps(distinct), "the reason for a pickler of our own"
    assert artifacts.dump(shared) == artifacts.dump(distinct)


def forget_predictions(platform: Any) -> None:
    platform.sql("delete from ml.predictions")


def test_a_tampered_file_is_refused_before_it_is_unpickled(finished: Any) -> None:
    trace = finished.folder / "trace"
    content = pickle.dumps(Intruder(trace))
    pickle.loads(content)
    assert trace.exists(), "the attack must work where nothing checks"
    trace.unlink()
    forget_predictions(finished)
    file = model_file(finished)
    file.write_bytes(content)
    outcome = finished.run("predict", run_id="run-2", hour=1)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert f"{file} was not loaded: its model file is not the one that was recorded" in outcome.err
    assert "`make run` trains a model that can serve" in outcome.err
    assert not trace.exists()
    assert finished.sql("select count(*) from ml.predictions") == [(0,)]


def test_a_manifest_with_the_digest_of_the_intruder_changes_nothing(finished: Any) -> None:
    file = model_file(finished)
    file.write_bytes(b"something else")
    manifest = json.loads(file.with_name("manifest.json").read_text())
    manifest["artifact_sha256"] = artifacts.digest(b"something else")
    file.with_name("manifest.json").write_text(json.dumps(manifest))
    assert finished.run("predict").code == 2


def test_a_missing_file_is_named(finished: Any) -> None:
    file = model_file(finished)
    file.unlink()
    outcome = finished.run("predict")
    assert outcome.code == 2
    problem = "its model file cannot be read (No such file or directory)"
    assert f"{file} was not loaded: {problem}" in outcome.err


@pytest.mark.parametrize("damage", ["cut", "model", "manifest"])
def test_training_puts_a_damaged_folder_aside_and_makes_the_same_model(
    finished: Any, damage: str
) -> None:
    finished.keep_only("project_success", challenger=False)
    file = model_file(finished)
    content = file.read_bytes()
    recorded = artifacts.digest(content)
    if damage == "cut":
        file.write_bytes(content[:-100])
    else:
        (file if damage == "model" else file.with_name("manifest.json")).unlink()
    outcome = finished.run("train", "predict", run_id="run-2", hour=1)
    assert outcome.code == 0
    assert "it was made anew" in outcome.out
    assert artifacts.digest(file.read_bytes()) == recorded
    assert not list(file.parent.parent.glob(".*"))
    assert finished.run("train", run_id="run-3", hour=2).out.count("up to date") == 1


def test_a_folder_of_a_run_that_never_ended_is_not_trusted(finished: Any) -> None:
    finished.keep_only("project_success", challenger=False)
    file = model_file(finished)
    recorded = artifacts.digest(file.read_bytes())
    file.write_bytes(b"half")
    finished.sql("delete from ml.model_runs where model_name = 'project_success'")
    assert finished.run("train", run_id="run-2", hour=1).code == 0
    assert artifacts.digest(file.read_bytes()) == recorded
    assert file.parent.with_name(f"{file.parent.name}.damaged-1").is_dir()


def test_an_equal_folder_of_a_run_that_never_ended_is_taken_over(finished: Any) -> None:
    finished.keep_only("project_success")
    finished.sql("delete from ml.model_runs where model_name = 'project_success'")
    assert finished.run("train", run_id="run-2", hour=1).code == 0
    recorded = finished.sql(
        "select model_version from ml.model_runs where model_name = 'project_success'"
    )
    folders = list((finished.models / "project_success").iterdir())
    assert {folder.name for folder in folders} == {version for (version,) in recorded}
    for folder in folders:
        assert json.loads((folder / "manifest.json").read_text())["run_id"] == "run-1"
