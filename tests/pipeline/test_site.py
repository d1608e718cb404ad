"""The server of the pages: what it cannot do is one line."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def serve(folder: Path, port: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.site", str(folder), port],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "²"])
def test_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    (tmp_path / "index.html").touch()
    done = serve(tmp_path, port)
    assert done.returncode == 2
    assert done.stderr == f"site       PORT={port} is not a number from 1 to 65535\n"


def test_port_in_use_and_missing_pages_are_said(tmp_path: Path) -> None:
    assert "make run" in serve(tmp_path, "8766").stderr
    (tmp_path / "index.html").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = serve(tmp_path, str(port))
    assert done.returncode == 2
    assert f"PORT={port} cannot be used" in done.stderr
    assert len(done.stderr.splitlines()) == 1
