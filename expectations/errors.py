"""The errors that end a stage, and their exit codes."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NoReturn


class CallError(Exception):
    """The call was wrong (a bad variable, a missing file): exit code 2."""


class RefusedError(Exception):
    """A gate refused the data: exit code 1."""


class Parser(ArgumentParser):
    """An argument parser whose error is one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with code 2."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def exit_code(stage: str, work: Callable[[], None]) -> int:
    """Runs a stage and turns its errors into a message on stderr and an exit code."""
    try:
        work()
    except RefusedError as error:
        print(f"{stage:<10} REFUSED: {error}", file=sys.stderr)
        return 1
    except CallError as error:
        print(f"{stage:<10} {error}", file=sys.stderr)
        return 2
    return 0
