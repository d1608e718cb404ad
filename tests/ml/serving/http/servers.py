"""The service as it runs: processes of their own on a port of this machine."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[4]


class Server(NamedTuple):
    """A running service."""

    process: "subprocess.Popen[str]"
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and content of an answer."""
        connection = self.connect()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            is_json = str(answer.headers["content-type"]).endswith("json")
            return answer.status, json.loads(content) if is_json else content.decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The processes that answer, of all that the first one has started."""
        started = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [
            int(each)
            for each in started.split()
            if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
        ]


@contextmanager
def running(folder: Path, *options: str, code: int = 0) -> Iterator[Server]:
    """Starts the service, which listens once it has said so, and stops it at the end.

    Args:
        folder: Of the warehouse.
        options: Of the command.
        code: How the first process ends.
    """
    command = [sys.executable, "-m", "ml.serving.http", "--warehouse", folder, "--port", "0"]
    environment = {name: text for name, text in os.environ.items() if "MULTIPROC" not in name}
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        match = re.match(r"serve +http://127\.0\.0\.1:(\d+)/docs, ", process.stdout.readline())
        assert match
        yield Server(process, int(match[1]))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == code
