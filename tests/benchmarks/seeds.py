"""Runs every stage to published pages for many platforms, and fails if one of them does not arrive.

`python -m tests.benchmarks.seeds --seeds 40 --scenarios 10 --scale10 5 --jobs 2`: so many fresh
seeds, so many in every other scenario, so many at SCALE=10. What failed can be repeated with
`--only SCENARIO-SCALE-SEED`, and its folder is kept.
"""

import argparse
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

import duckdb

from generator.config import SCENARIOS
from pages import registry
from pages.registry import DBT_DOCS
from tests.benchmarks.whole_run import ROOT, copy_repository

PAGES = [str(Path(page.folder, "index.html")) for page in (*registry.PAGES, DBT_DOCS)]
BROKEN = ("Traceback", "FAILED", "REFUSED")
COUNTS = """
    select
        (select count(*) from core.dim_projects),
        (select count(*) from ml.predictions),
        (select count(*) from ml.model_runs where status = 'trained'),
        (select count(*) from insights.experiment_readout)"""


class World(NamedTuple):
    """One generated platform."""

    scenario: str
    scale: int
    seed: int

    def __str__(self) -> str:
        """Names it as `--only` takes it."""
        return f"{self.scenario}-{self.scale}-{self.seed}"


class Arrival(NamedTuple):
    """One run: what is wrong with it, if anything, and what it cost."""

    world: World
    problem: str | None
    cpu: float
    counts: tuple[int, ...]
    folder: Path


def worlds(first: int, seeds: int, scenarios: int, large: int) -> list[World]:
    """Returns the platforms to run: seeds follow each other from the first one on."""
    others = [name for name in SCENARIOS if name != "steady"]
    return [
        *(World("steady", 1, first + number) for number in range(seeds)),
        *(World(name, 1, first + number) for name in others for number in range(scenarios)),
        *(World("steady", 10, first + number) for number in range(large)),
    ]


def arrive(world: World, repository: Path, folder: Path) -> Arrival:
    """Runs one platform in a copy of the repository; a successful run leaves nothing behind."""
    place = folder / str(world)
    place.mkdir(parents=True)
    settings = {
        "SEED": world.seed,
        "SCALE": world.scale,
        "SCENARIO": world.scenario,
        "WAREHOUSE": place / "warehouse",
        "SITE": place / "site",
        "VENV": os.environ.get("VENV", ROOT / ".venv"),
    }
    command = ["make", "run", *(f"{name}={value}" for name, value in settings.items())]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "ESCROW", "VENV"))}
    log = place / "measured.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=repository, env=kept, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    problem, counts = _judge(log.read_text(errors="replace"), code, place)
    if problem is None:
        shutil.rmtree(place)
    return Arrival(world, problem, usage.ru_utime + usage.ru_stime, counts, place)


def _judge(output: str, code: int, place: Path) -> tuple[str | None, tuple[int, ...]]:
    lines = output.strip().splitlines()
    if code != 0:
        return f"exit {code}: {lines[-1] if lines else 'said nothing'}", ()
    for word in BROKEN:
        if told := next((line for line in lines if word in line), None):
            return told, ()
    for page in PAGES:
        path = place / "site" / page
        if not path.is_file():
            return f"page {page} is missing", ()
        if re.search("is not available</h1>", path.read_text(encoding="utf-8")):
            return f"page {page} could not be made", ()
    with duckdb.connect(str(place / "warehouse" / "escrow.duckdb"), read_only=True) as connection:
        counts = tuple(connection.execute(COUNTS).fetchall()[0])
    return (None if counts[0] else "no project was published"), counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all platforms, prints a line for each, and returns 1 if one did not arrive."""
    options = _parser().parse_args(arguments)
    chosen = options.only or worlds(
        options.first, options.seeds, options.scenarios, options.scale10
    )
    print(f"{len(chosen)} platforms, seeds from {options.first}", flush=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        # one copy for each job: nothing that is edited meanwhile disturbs a run
        copies: Queue[Path] = Queue()
        for number in range(options.jobs):
            copy = Path(name) / str(number)
            copy_repository(copy)
            os.utime(copy / "requirements.lock", (0, 0))  # the environment is the caller's
            copies.put(copy)

        def one(world: World) -> Arrival:
            copy = copies.get()
            try:
                arrival = arrive(world, copy, options.folder)
            finally:
                copies.put(copy)
            print(_line(arrival), flush=True)
            return arrival

        with ThreadPoolExecutor(options.jobs) as pool:
            arrivals = list(pool.map(one, chosen))
    failed = [each for each in arrivals if each.problem]
    print(_table(arrivals))
    for each in failed:
        print(f"FAILED {each.world}: {each.problem}\n  kept in {each.folder}; repeat with --only"
              f" {each.world}")  # fmt: skip
    return int(bool(failed))


def _line(each: Arrival) -> str:
    counts = "projects {:,}, predictions {:,}, models {}, experiment rows {:,}"
    told = each.problem or counts.format(*each.counts)
    state = "FAILED" if each.problem else "ok"
    return f"{state:<7} {each.world!s:<28} {each.cpu:6.1f} CPU s  {told}"


def _table(arrivals: list[Arrival]) -> str:
    rows = ["| scenario | scale | seeds | failed | CPU s per run |", "|---|---|---|---|---|"]
    for scenario, scale in dict.fromkeys(each.world[:2] for each in arrivals):
        same = [each for each in arrivals if each.world[:2] == (scenario, scale)]
        failed = sum(each.problem is not None for each in same)
        cpu = sum(each.cpu for each in same) / len(same)
        rows.append(f"| {scenario} | {scale} | {len(same)} | {failed} | {cpu:.1f} |")
    return "\n".join(rows)


def _world(platform: str) -> World:
    scenario, scale, seed = platform.rsplit("-", 2)
    return World(scenario, int(scale), int(seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.seeds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, help="steady platforms at SCALE=1")
    parser.add_argument("--scenarios", type=int, default=10, help="of each other scenario")
    parser.add_argument("--scale10", type=int, default=5, help="steady platforms at SCALE=10")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument(
        "--first", type=int, default=1000 + secrets.randbelow(100_000), help="first seed"
    )
    parser.add_argument("--only", nargs="+", type=_world, help="SCENARIO-SCALE-SEED, to repeat")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "escrow-seeds",
        help="where runs that fail are kept",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
