"""The run log: a line that a full disk has torn spoils no other."""

import json
from pathlib import Path

from pipeline.run_log import RunLog


def test_a_torn_line_is_closed_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    RunLog(path, "first").end(0)
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    RunLog(path, "second").end(2)
    first, _, second = path.read_text().splitlines()
    assert (json.loads(first)["run_id"], json.loads(second)["run_id"]) == ("first", "second")
    RunLog(path, "third").end(0)
    assert len(path.read_text().splitlines()) == 4
