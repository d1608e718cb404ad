"""Measures what an online prediction costs, and of that its limit and its log."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ml import cli  # noqa: E402
from ml.serving import Predictor, log  # noqa: E402
from ml.serving.rate_limit import RateLimit  # noqa: E402
from ml.warehouse import read_warehouse  # noqa: E402
from tests.conftest import Workshop  # noqa: E402
from tests.ml import ml_state  # noqa: E402
from tests.ml.made_world import build_world  # noqa: E402
from tests.ml.serving.made import made  # noqa: E402

PROJECTS = 2_000
HITS, APPENDS, PREDICTIONS = 6_000, 500, 300


def measure(name: str, count: int, act: Callable[[int], object]) -> None:
    """Prints the median and the 99th percentile of `count` calls."""
    act(-1)
    spent = np.empty(count)
    for number in range(count):
        started = time.perf_counter_ns()
        act(number)
        spent[number] = time.perf_counter_ns() - started
    p50, p99 = np.quantile(spent, (0.5, 0.99)) / 1000
    print(f"{name:<58} {count:>6,} {p50:>10,.0f} {p99:>10,.0f}", flush=True)


@contextmanager
def crowd(limits: Path, count: int) -> Iterator[None]:
    """Processes that ask the same storage as fast as they can."""
    clock = limits.with_name("clock")
    clock.write_bytes(bytes(8))
    code = """import os, sys
from pathlib import Path
from tests.ml.serving.asking import ask_without_end
os.write(2, b"begun\\n")
ask_without_end(Path(sys.argv[1]), Path(sys.argv[2]), 1)"""
    command = [sys.executable, "-c", code, clock, limits]
    others = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        for other in others:
            assert other.stderr is not None
            other.stderr.readline()  # it has begun
        yield
    finally:
        for other in others:
            other.kill()
            other.communicate()


def main() -> None:
    """Measures on a made-up platform, with the models of models.toml."""
    print(f"{'':<58} {'calls':>6} {'p50 µs':>10} {'p99 µs':>10}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limits = folder / "limits.sqlite"
        limit = RateLimit(f"sqlite:///{limits}")
        measure("a place in the limit, one process", HITS, lambda n: limit.take(f"{n // 60}"))
        with crowd(limits, 3):
            measure(
                "a place in the limit, three others asking without pause",
                HITS // 10,
                lambda n: limit.take(f"again {n // 60}"),
            )
        measure("a line in the log, on the disk", APPENDS, lambda n: log.append(folder, made(n)))
        ml_state.load(folder, Workshop(folder / "workshop"))
        build_world(folder / "escrow.duckdb", project_count=PROJECTS, seed=1)
        places = ("--db", folder / "escrow.duckdb", "--models", folder / "models")
        with redirect_stdout(StringIO()):
            cli.main(["train", "predict", *map(str, places), "--run-id", "benchmark"])
        predictor = Predictor(folder, limits=f"sqlite:///{limits}")
        projects, milestones = live(folder, "project"), live(folder, "milestone")
        measure(
            "a project predicted, limit and log included",
            PREDICTIONS,
            lambda n: predictor.predict_project(projects[n % len(projects)], client=f"p {n // 60}"),
        )
        measure(
            "a milestone predicted, limit and log included",
            PREDICTIONS,
            lambda n: predictor.predict_milestone(
                milestones[n % len(milestones)], client=f"m {n // 60}"
            ),
        )


def live(folder: Path, entity: str) -> list[int]:
    """Returns the ids of what is live."""
    with read_warehouse(folder / "escrow.duckdb") as warehouse:
        rows = warehouse.fetch(
            f"select {entity}_id from features.{entity}_features where snapshot_kind = 'current'"
        )
    return [number for (number,) in rows]


if __name__ == "__main__":
    main()
