"""Measures make in a fresh copy of the repository; writes README.md and docs/how-it-scales.md."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SCALES = ROOT / "docs" / "how-it-scales.md"
COMMANDS = (
    ("make setup", "fresh environment, warm package cache"),
    ("make run", "SCALE=1: {size}"),
    ("make run", "the same again, nothing changed"),
    ("make run SCALE=100", "{size}"),
)


class Measurement(NamedTuple):
    """One command: its output, wall and processor seconds, MiB of its largest process."""

    output: str
    wall: float
    cpu: float
    peak: float


def measure(command: str, folder: Path, cwd: Path | None = None) -> Measurement:
    """Runs a command to its end; CPU and memory cover the processes it waited for.

    It runs in the folder that keeps what it says, or in another one.
    """
    log, errors = folder / "measured.log", folder / "measured.err"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "ESCROW"))}
    environment.pop("VENV", None)
    start = os.times().elapsed
    with log.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(
            command.split(), cwd=cwd or folder, stdout=out, stderr=err, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = os.times().elapsed - start
    output = log.read_text().replace(f"{folder}/", "")
    if status != 0:
        sys.exit(f"{command} failed:\n{output}{errors.read_text()}")
    return Measurement(output, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def copy_repository(folder: Path) -> None:
    """Copies what git knows or would add: what a clone of the next commit would hold."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def write_section(text: str, name: str, body: str) -> str:
    """Puts a body between the markers `<!-- name -->` and `<!-- /name -->`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda found: found.group(1) + body + "\n" + found.group(2), text)


def main() -> None:
    """Measures all commands, then rewrites the section of each file that shows them."""
    rows = ["| command | | wall s | CPU s | largest process MiB |", "|---|---|---|---|---|"]
    outputs = {}
    with tempfile.TemporaryDirectory() as name:
        copy_repository(Path(name))
        for command, meaning in COMMANDS:
            result = measure(command, Path(name))
            outputs.setdefault(command, result.output)
            found = re.search(r"[\d,]+ projects, [\d,]+ pledges", result.output)
            meaning = meaning.format(size=found[0] if found else "")
            figures = f"{result.wall:.1f} | {result.cpu:.1f} | {result.peak:,.0f}"
            rows.append(f"| `{command}` | {meaning} | {figures} |")
            print(rows[-1], flush=True)
    SCALES.write_text(write_section(SCALES.read_text(), "figures", "\n".join(rows)))
    output = f"```\n$ make run\n{outputs['make run']}```"
    README.write_text(write_section(README.read_text(), "run", output))


if __name__ == "__main__":
    main()
