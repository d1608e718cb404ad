"""Several processes that are killed, and a warehouse that is published while they answer."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient

from ml.serving.http.app import create
from ml.serving.http.options import Options
from ml.serving.http.service import Service
from tests.ml.serving.http.conftest import Shop
from tests.ml.serving.http.servers import ROOT, Server, running

CALLERS, PUBLISHES = 4, 3


class Asked(NamedTuple):
    """One request: its name, the publishes that had begun and ended around it, its answer."""

    name: str
    published_before: int
    begun_after: int
    answer: float | None


class Traffic:
    """Callers that ask one after the other until they are stopped."""

    def __init__(self, server: Server, path: str) -> None:
        self._server, self._path = server, path
        self.stopped = threading.Event()
        self.enough = threading.Semaphore(0)
        self.begun = self.published = 0

    def call(self, caller: int) -> list[Asked]:
        found, connection = [], self._server.connect()
        while not self.stopped.is_set():
            name, published = f"{caller}-{len(found)}", self.published
            answer = None
            try:
                connection.request("GET", self._path, headers={"X-Request-ID": name})
                response = connection.getresponse()
                content = response.read()
                assert response.status == 200, content
                answer = float(content.split(b'"predicted_probability":')[1].split(b",")[0])
            except (OSError, HTTPException):
                connection.close()
            found.append(Asked(name, published, self.begun, answer))
            self.enough.release()
        connection.close()
        return found

    def wait_for(self, count: int) -> None:
        """Returns after so many more requests; those that have ended by now do not count."""
        self.enough = threading.Semaphore(0)
        for _ in range(count):
            assert self.enough.acquire(timeout=60)


@pytest.mark.journey
def test_kills_and_publishes_cost_no_answered_line_and_no_right_answer(shop: Shop) -> None:
    number = next(iter(shop.batch("project_success")))
    share = "update ml.predictions set predicted_probability = {} where entity_id = {}"
    shop.publish(share.format(0, number))
    kills = 0
    with running(shop.folder, "--limit", "0", "--workers", "2") as server:
        traffic = Traffic(server, f"/v1/projects/{number}/success")
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(traffic.call, each) for each in range(CALLERS)]
            try:
                for step in range(1, PUBLISHES + 1):
                    traffic.wait_for(200)
                    traffic.begun = step
                    shop.publish(share.format(step / 8, number))
                    traffic.published = step
                    traffic.wait_for(200)
                    os.kill(server.workers()[0], signal.SIGKILL)
                    kills += 1
                traffic.wait_for(400)
            finally:
                traffic.stopped.set()
            asked = [each for caller in callers for each in caller.result()]
    answered = [each for each in asked if each.answer is not None]
    assert len(answered) > 1000
    assert len(asked) - len(answered) <= kills * CALLERS
    for each in answered:
        assert each.published_before <= each.answer * 8 <= each.begun_after  # type: ignore[operator]
    assert {each.answer for each in answered} == {step / 8 for step in range(PUBLISHES + 1)}
    lines = Counter(each.request_id for each in shop.logged() if each)
    assert max(lines.values()) == 1
    assert {each.name for each in answered} <= lines.keys() <= {each.name for each in asked}


def test_a_burst_over_all_workers_gets_sixty_answers_and_metrics_add_up(shop: Shop) -> None:
    with running(shop.folder, "--workers", "2") as server:
        with ThreadPoolExecutor(16) as pool:
            statuses = [status for status, _ in pool.map(server.get, ["/v1/models"] * 100)]
        assert Counter(statuses) == {200: 60, 429: 40}
        _, text = server.get("/metrics")
        for status, count in ((200, 60), (429, 40)):
            labels = f'method="GET",route="/v1/models",status="{status}"'
            assert f"escrow_http_requests_total{{{labels}}} {count}.0" in text
        assert text.count("escrow_published_as_of_seconds 1.7040") == 1


def raw(server: Server, *parts: bytes) -> bytes:
    """What the server says to bytes that are no request, until it closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        found = b""
        try:
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65_536):
                found += chunk
        except ConnectionError:
            return found
        return found


def test_what_is_no_request_harms_nobody(shop: Shop) -> None:
    with running(shop.folder) as server:
        head = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n"
        assert b" 200 " in raw(server, head + b"Connection: close\r\n\r\n")
        for parts in (
            (head, b"X-Large: " + b"a" * 10_000_000, b"\r\n\r\n"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
            (b"GET /\x00 HTTP/1.1\r\n\r\n",),
            (head + b"Content-Length: -1\r\n\r\n",),
            (head + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzzz\r\n",),
        ):
            assert raw(server, *parts)[9:12] in (b"400", b"", b"431")
        body = (
            b"POST /v1/projects/success HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        )
        refused = raw(
            server, body + b"Content-Length: 10000000\r\n\r\n"
        )  # closed before it is sent
        assert b" 413 " in refused
        assert b"connection: close" in refused
        raw(server, body + b"Content-Length: 10000000\r\n\r\n", b"x" * 10_000_000)
        assert server.get("/readyz")[0] == 200


@pytest.mark.journey
def test_a_stop_by_a_supervisor_answers_what_has_begun_and_leaves_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    content = json.dumps({"rows": []})
    for workers in ("1", "2"):
        with running(shop.folder, "--workers", workers) as server:
            assert server.get("/readyz")[0] == 200
            idle, begun = server.connect(), server.connect()
            for connection in (idle, begun):
                connection.request("GET", "/healthz")
                assert connection.getresponse().read()
            begun.putrequest("POST", "/v1/projects/success")
            begun.putheader("Content-Type", "application/json")
            begun.putheader("Content-Length", str(len(content)))
            begun.endheaders()
            server.process.terminate()
            assert idle.sock.recv(1) == b""
            begun.send(content.encode())
            assert begun.getresponse().status == 422
            server.process.wait(timeout=60)
    assert capfd.readouterr().err == ""
    assert list((tmp_path / "tmp").iterdir()) == []


def test_workers_end_when_nobody_is_left_to_replace_them(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))  # what is killed leaves a folder there
    with running(shop.folder, "--workers", "2", code=-signal.SIGKILL) as server:
        assert server.get("/readyz")[0] == 200
        workers = [os.pidfd_open(each) for each in server.workers()]
        assert len(workers) == 2
        server.process.kill()
        left = [worker for worker in workers if not select.select([worker], [], [], 30)[0]]
        for worker in left:
            signal.pidfd_send_signal(worker, signal.SIGKILL)
        assert left == []


def test_a_taken_port_and_wrong_options_are_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, message in (
            (["--port", port], f"PORT={port}: cannot listen there (Address already in use)"),
            (["--limits", "nonsense"], "unknown storage scheme"),
            (["--keys", str(tmp_path / "none")], "cannot be read"),
            (
                ["--host", "nowhere.invalid"],
                "HOST=nowhere.invalid PORT=8765: cannot listen there (",
            ),
        ):
            done: Any = subprocess.run(
                [sys.executable, "-m", "ml.serving.http", "--warehouse", str(tmp_path), *options],
                cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 2
            assert message in done.stderr
            assert "Unknown error" not in done.stderr
            assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_stop_does_not_wait_for_the_warm_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, ended = threading.Event(), threading.Event()

    def warm_up(_: Service) -> None:
        if stopped.wait(10):
            ended.set()

    monkeypatch.setattr(Service, "warm_up", warm_up)
    with TestClient(create(Options.checked(warehouse=shop.folder))):
        pass
    stopped.set()
    assert ended.wait(10)
