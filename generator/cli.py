"""The command `python -m generator`: arguments in, seven files and one summary line out."""

import argparse
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from generator.config import SCENARIOS, ConfigError, SimulationConfig
from generator.output import FORMATS, OutputError, Target, writing
from generator.tables import block_tables, first_ids
from generator.truth.schemas import stamped
from generator.truth.tables import CONTINUATIONS, TruthRecorder
from generator.world import block_scales, simulate

WRONG_CALL = 2
INTERRUPTED = 130
PARQUET_FROM_SCALE = 10
QUIET_SECONDS = 3.0
WIDTH, MARGIN = 120, " " * 13


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_CALL, f"generate: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done, 2 the call was wrong."""
    options = _parser().parse_args(arguments)
    try:
        config = SimulationConfig(scale=options.scale, seed=options.seed, scenario=options.scenario)
        file_format = options.format or (
            "parquet" if options.scale >= PARQUET_FROM_SCALE else "csv"
        )
        truth = Path(options.truth).resolve() if options.truth else None
        summary = generate(config, Path(options.out).resolve(), file_format, truth=truth)
        lines = textwrap.wrap(summary, WIDTH, subsequent_indent=MARGIN, break_on_hyphens=False)
        print("\n".join(lines))
    except (ConfigError, OutputError) as error:
        print(f"generate: {error}", file=sys.stderr)
        return WRONG_CALL
    except OSError as error:
        print(f"generate: cannot write {options.out}: {error}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("generate: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


def generate(
    config: SimulationConfig,
    out: Path,
    file_format: str,
    *,
    truth: Path | None = None,
    continuations: int = CONTINUATIONS,
) -> str:
    """Writes the world to the folder `out` and returns a one-line summary.

    Args:
        config: The world's parameters.
        out: Folder of the seven tables.
        file_format: One of `FORMATS`.
        truth: Folder for what the tables hide, written when given.
        continuations: Times that each campaign and milestone is continued for it.

    Raises:
        OutputError: A folder holds something that is not ours to replace.
    """
    began = time.monotonic()
    ids = first_ids()
    blocks = len(block_scales(config))
    targets = [Target(out, file_format)]
    if truth:
        targets.append(Target(truth, "parquet", stamped(config)))
    with writing(*targets) as (writers, *truth_writers):
        recorder = TruthRecorder(config, continuations) if truth_writers else None
        for done, block in enumerate(simulate(config), start=1):
            tables = block_tables(config, block, ids)
            writers.append(tables)
            if recorder:
                truth_writers[0].append(recorder.block_tables(block, ids, tables))
            ids = {name: first + tables[name].num_rows for name, first in ids.items()}
            _show_progress(done, blocks, time.monotonic() - began)
        if recorder:
            truth_writers[0].append(recorder.summary_tables())
    counts = ", ".join(f"{count:,} {name}" for name, count in writers.row_counts.items())
    beside = f", truth -> {_short(truth)}" if truth else ""
    return f"generate   {counts} ({time.monotonic() - began:.1f} s) -> {_short(out)}{beside}"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _show_progress(done: int, blocks: int, seconds: float) -> None:
    if blocks == 1 or seconds < QUIET_SECONDS or not sys.stderr.isatty():
        return
    left = seconds / done * (blocks - done)
    end = "\n" if done == blocks else ""
    line = f"\rgenerate   {done / blocks:4.0%} of {blocks} blocks, {left:.0f} s left "
    print(line, end=end, file=sys.stderr, flush=True)


def _whole_number(name: str, low: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= low):
            raise argparse.ArgumentTypeError(f"{name} must be an integer >= {low}, got {text!r}")
        return int(text)

    return convert


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m generator", description=__doc__)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--scale", type=_whole_number("SCALE", 1), default=1, help="size (1)")
    parser.add_argument("--seed", type=_whole_number("SEED", 0), default=42, help="seed (42)")
    parser.add_argument("--scenario", default="steady", help=f"one of: {', '.join(SCENARIOS)}")
    parser.add_argument(
        "--truth", metavar="DIR", help="folder for what the tables hide; never to be landed"
    )
    parser.add_argument("--format", choices=FORMATS, help="csv below scale 10, else parquet")
    return parser
