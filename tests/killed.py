"""Runs a stage that is killed, as by `kill -9`, before one of its steps on the file system."""

import sys
from collections.abc import Sequence

from tests.forks import FORKS, REPOSITORY

__all__ = ["REPOSITORY", "run"]
PROGRAM = """
import os, runpy, signal, sys

steps = 0

def killing(step):
    def call(*args, **options):
        global steps
        steps += 1
        if steps == {at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **options)
    return call

for name in {names}:
    setattr(os, name, killing(getattr(os, name)))
sys.argv = ["{module}", *sys.argv[1:]]
runpy.run_module("{module}", run_name="__main__")
"""


def run(module: str, arguments: Sequence[str], *, at: int, names: Sequence[str]) -> int:
    """Runs a module and kills it at a step; returns its exit code, 0 if it has fewer steps.

    Args:
        module: What to run.
        arguments: Of the command.
        at: Before which step, counted from 1, it is killed.
        names: The functions of `os` that count as steps.
    """
    program = PROGRAM.format(at=at, names=tuple(names), module=module)
    command = [sys.executable, "-c", program, *arguments]
    return FORKS.run(command, imports=[module]).returncode
