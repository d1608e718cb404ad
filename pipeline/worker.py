"""The process that the stages of a run share: what one has imported, the next need not import."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class Worker:
    """Runs commands one after another in one process, which starts with the first of them."""

    def __init__(self, *, folder: Path, environment: Mapping[str, str], lock: int) -> None:
        """Takes what the process inherits; `lock` is held as long as it lives."""
        self._folder, self._environment, self._lock = folder, environment, lock
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    def start(self, commands: Sequence[Sequence[str]]) -> "Worker":
        """Begins with commands; `wait` returns how they ended."""
        if self._process is None or self._process.poll() is not None:
            self._open()
        assert self._orders is not None
        with suppress(OSError):  # it has just ended: `wait` returns how
            self._orders.sendall(json.dumps(commands).encode() + b"\n")
        return self

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code of the commands, or of the process if they ended it.

        Raises:
            subprocess.TimeoutExpired: They are still running.
        """
        assert self._process is not None
        assert self._orders is not None
        if not select.select([self._orders], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self._process.args, timeout or 0)
        try:
            answer = self._orders.recv(16)
        except OSError:
            answer = b""
        return int(answer) if answer else self._process.wait()

    def kill(self) -> None:
        """Ends the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Lets the process end, and waits for it: it holds the lock."""
        if self._orders is not None:
            self._orders.close()
        if self._process is not None:
            self._process.wait()
        self._process = self._orders = None

    def _open(self) -> None:
        self.close()
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.child", "--orders", str(theirs.fileno())],
                cwd=self._folder,
                env=os.environ | self._environment,
                pass_fds=(self._lock, theirs.fileno()),
            )
