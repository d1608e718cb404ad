"""Measures the HTTP service beside a FastAPI echo and writes docs/serving.md.

`python -m tests.benchmarks.http_service`. Service and echo are measured in turn, one right after
the other; each figure is the median of the rounds.
"""

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from tests.benchmarks.service_world import World, built
from tests.ml.serving.http.servers import ROOT, Server, running

DOCS = ROOT / "docs" / "serving.md"
ROUNDS, ONE_BY_ONE, TOGETHER, CALLERS = 7, 1_500, 3_000, 16
POSTS, ROWS = 15, 1_000


class Load(NamedTuple):
    """What a number of callers saw: requests a second, milliseconds."""

    rate: float
    p50: float
    p99: float


async def _call(port: int, request: str, numbers: range) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    spent = []
    for number in numbers:
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        content = request.format(address=address).encode()
        started = time.perf_counter()
        writer.write(content)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        await reader.readexactly(int(length[1]))
        spent.append(time.perf_counter() - started)
    writer.close()
    return spent


async def _load(port: int, request: str, callers: int, count: int) -> Load:
    started = time.perf_counter()
    calls = (_call(port, request, range(each, count, callers)) for each in range(callers))
    spent = [each for call in await asyncio.gather(*calls) for each in call]
    rate = len(spent) / (time.perf_counter() - started)
    p50, p99 = np.quantile(spent, (0.5, 0.99)) * 1000
    return Load(rate, float(p50), float(p99))


def load(port: int, path: str, callers: int, count: int) -> Load:
    """Asks for a path as often as said, each caller one request after the other.

    Each request of a call names an address of its own, which a service believes whose proxy this
    machine is: with one client, the limit would be all that is measured.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {{address}}\r\n\r\n"
    return asyncio.run(_load(port, request, callers, count))


def median(loads: list[Load]) -> Load:
    """Returns the median of each figure."""
    return Load(*(statistics.median(each) for each in zip(*loads, strict=True)))


@contextmanager
def echoing() -> Iterator[int]:
    """Runs the echo; gives its port."""
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.echo:app", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-access-log"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    port = next(
        int(match[1])
        for line in process.stderr
        if (match := re.search(r"running on http://127\.0\.0\.1:(\d+)", line))
    )
    yield port
    process.terminate()
    process.communicate()


def gets(world: World, workers: int, *options: str) -> Iterator[str]:
    """Measures GET of a published project; yields rows of the table."""
    path = f"/v1/projects/{world.projects[0]}/success"
    limited = "" if "0" in options else ", with a limit"
    given = ("--workers", str(workers), *options)
    with running(world.folder, *given) as server, echoing() as echo:
        server.get("/readyz")
        for callers, count in ((1, ONE_BY_ONE), (CALLERS, TOGETHER)):
            load(server.port, path, callers, count)
            pairs = [
                (load(server.port, path, callers, count), load(echo, "/echo/7", callers, count))
                for _ in range(ROUNDS)
            ]
            for name, loads in zip(
                (f"GET, {workers} worker{'s' * (workers > 1)}{limited}", "echo, 1 worker"),
                zip(*pairs, strict=True),
                strict=True,
            ):
                found = median(list(loads))
                yield (
                    f"| {name} | {callers} | {found.p50:.1f} | {found.p99:.1f}"
                    f" | {found.rate:,.0f} |"
                )


def post(world: World) -> str:
    """Measures POST of given features; returns a sentence."""
    with duckdb.connect(str(world.folder / "escrow.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select feature_values from ml.predictions"
            " inner join ml.prediction_inputs using (prediction_id)"
            " where model_name = 'project_success' and snapshot_kind = 'current'"
            " and feature_values not like '%known_outcome%'"
        ).fetchall()
    rows = [json.loads(text) for (text,) in found]
    for row in rows:
        row["is_first_time_creator"] = bool(row["is_first_time_creator"])
    body = json.dumps({"rows": (rows * ROWS)[:ROWS]})
    with running(world.folder, "--limit", "0") as server:
        spent = [_posted(server, body) for _ in range(POSTS + 1)][1:]
    return (
        f"A POST of {ROWS:,} projects ({len(body) / 1e3:,.0f} kB) takes"
        f" {statistics.median(spent) * 1000:.0f} ms (median of {POSTS}, worst"
        f" {max(spent) * 1000:.0f})."
    )


def _posted(server: Server, body: str) -> float:
    connection, started = server.connect(), time.perf_counter()
    connection.request("POST", "/v1/projects/success", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    connection.close()
    return time.perf_counter() - started


def ready(world: World, workers: int) -> float:
    """Returns the seconds from the start of the command until predictions can be given."""
    started = time.perf_counter()
    with running(world.folder, "--limit", "0", "--workers", str(workers)) as server:
        assert server.get("/readyz")[0] == 200
        return time.perf_counter() - started


def predicted_once(world: World) -> float:
    """Returns the CPU seconds of `make predict-one`, without make."""
    before = subprocess_seconds()
    command = [sys.executable, "-m", "ml.serving", "--warehouse", world.folder]
    subprocess.run(
        [*command, f"--project={world.projects[0]}"], cwd=ROOT, check=True, capture_output=True
    )
    return subprocess_seconds() - before


def subprocess_seconds() -> float:
    """Returns the CPU seconds of all ended subprocesses."""
    spent = os.times()
    return spent.children_user + spent.children_system


def main() -> None:
    """Measures all, and writes it between the marks of docs/serving.md."""
    with tempfile.TemporaryDirectory() as name:
        world = built(Path(name))
        lines = ["| | callers | p50 ms | p99 ms | requests/s |", "|---|---|---|---|---|"]
        for workers in (1, 2):
            lines += gets(world, workers, "--limit", "0")
        lines += gets(world, 1, "--limit", "60", "--proxies", "127.0.0.1")
        readies = [statistics.median(ready(world, workers) for _ in range(5)) for workers in (1, 2)]
        once = statistics.median(predicted_once(world) for _ in range(5))
        lines += [
            "",
            f"{post(world)} Ready after {readies[0]:.1f} s with one worker,",
            f"{readies[1]:.1f} s with two. `make predict-one` costs {once:.1f} s of CPU.",
        ]
    text = "\n".join(lines)
    print(text)
    marked = r"(<!-- figures -->\n).*?(<!-- /figures -->)"
    page = DOCS.read_text()
    DOCS.write_text(re.sub(marked, rf"\g<1>{text}\n\g<2>", page, flags=re.DOTALL))


if __name__ == "__main__":
    main()
