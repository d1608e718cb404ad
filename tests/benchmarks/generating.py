"""Measures what generating platforms costs: processor time per million pledges, and memory."""

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SCALES = (100, 1000)
RUNS = 3
# Exposures are a table of their own kind, and are left out of the figure that is promised.
PROGRAM = """
import sys
from pathlib import Path
from generator.cli import generate
from generator.config import SimulationConfig
scale, folder, exposures = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if scale:
    config = SimulationConfig(scale=scale, exposures_per_scale=exposures)
    print(generate(config, folder, "parquet"))
"""


class Measurement(NamedTuple):
    """One process: what it said, its processor seconds, MiB of memory at its peak."""

    output: str
    cpu: float
    peak: float


def measure(scale: int, exposures: int) -> Measurement:
    """Generates a platform of `scale` in a process of its own; of scale 0, nothing."""
    with tempfile.TemporaryDirectory() as name, (Path(name) / "said").open("w+") as said:
        call = [sys.executable, "-c", PROGRAM, str(scale), f"{name}/data", str(exposures)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        redirect = [(os.POSIX_SPAWN_DUP2, said.fileno(), 1)]
        process = os.posix_spawn(sys.executable, call, environment, file_actions=redirect)
        _, status, usage = os.wait4(process, 0)
        if status != 0:
            sys.exit(f"generating SCALE={scale} failed")
        said.seek(0)
        return Measurement(said.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best(scale: int, exposures: int, runs: int) -> Measurement:
    """Returns the run that the machine disturbed least."""
    return min((measure(scale, exposures) for _ in range(runs)), key=lambda each: each.cpu)


def main() -> None:
    """Prints one row per scale: those given as arguments, or `SCALES`."""
    scales = [int(argument) for argument in sys.argv[1:]] or SCALES
    start = best(0, 0, RUNS).cpu
    print(f"start-up of the process, not counted below: {start:.2f} s CPU")
    print("| SCALE | pledges | CPU s | without exposures | a million pledges | peak MiB |")
    print("|---|---|---|---|---|---|")
    for scale in scales:
        runs = RUNS if scale <= SCALES[0] else 1
        whole, bare = best(scale, 8000, runs), best(scale, 0, runs)
        pledges = int(re.findall(r"([\d,]+) pledges", whole.output)[0].replace(",", ""))
        cpu, cpu_bare = whole.cpu - start, bare.cpu - start
        print(
            f"| {scale} | {pledges:,} | {cpu:.1f} | {cpu_bare:.1f}"
            f" | {cpu_bare / pledges * 1e6:.2f} | {whole.peak:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
