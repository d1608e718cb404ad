"""Runs the project's commands in forks of one process that has imported what they need.

A fork has an environment, a folder, arguments and an end of its own, as a fresh process has; it
saves the imports, which take three seconds of CPU for dbt and two for scikit-learn. All forks share
the hash seed of their process: where that matters, start another one.
"""

import atexit
import gc
import importlib
import importlib.util
import inspect
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

REPOSITORY = Path(__file__).resolve().parents[1]
# what the modules of a command import only once they run
LATER = {
    "dbt": ("dbt.cli.main", "dbt.task.build", "dbt.adapters.duckdb", "daff", "sqlparse.cli"),
    "ml": ("sklearn.ensemble", "tea_tasting"),
}


class Forks:
    """A process that runs one command after another, each in a fork of itself.

    It runs the code of the repository, or of the copy that it is given.
    """

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._repository = repository
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        imports: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end.

        Args:
            command: `python -m module …`, `python -c program …` or a script such as `dbt …`.
            cwd: The folder in which it runs; by default that of the code.
            env: Its environment; by default that of the tests.
            imports: What `python -c` imports, if that takes long.
        """
        order = {
            "command": [str(part) for part in command],
            "cwd": str(cwd or self._repository),
            "env": dict(os.environ if env is None else env),
            "imports": list(imports),
        }
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the process that runs commands ended with {process.wait()}"
        return subprocess.CompletedProcess(command, **json.loads(answer))

    def close(self) -> None:
        """Ends the process, if there was anything to run."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks"],  # PySpark ends one of `python -c`
                cwd=self._repository,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process


FORKS = Forks()


def serve() -> None:
    """Obeys the orders on standard input; what is printed while importing is nobody's."""
    orders, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.set_threshold(100_000, 50, 100)  # as in the process of the stages
    imported = 0
    while line := orders.readline():
        order = json.loads(line)
        for name in [*_imports_of(order["command"]), *order["imports"]]:
            importlib.import_module(name)
        if imported < len(sys.modules):
            imported = len(sys.modules)
            _remember_files()
            gc.freeze()  # or each fork would look through all that was imported, and copy its pages
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = os.fork()
            if child == 0:
                _end(_code_of(partial(_separate, order, out, err)))
            _, status = os.waitpid(child, 0)
            texts = {}
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                texts[name] = file.read()
        answer = {"returncode": os.waitstatus_to_exitcode(status), **texts}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    _end(0)


class ForkedProcess:
    """What `subprocess.Popen` of a `python -m` is to the pipeline, but a fork of this process."""

    def __init__(
        self, command: list[str], *, cwd: Path, env: dict[str, str], pass_fds: tuple[int, ...]
    ) -> None:
        """Starts it with the open files that a fresh process would have."""
        module = _module(command)
        assert module, command
        importlib.import_module(module)
        sys.stdout.flush()
        sys.stderr.flush()
        self.args = command
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            _close_all_but(pass_fds)
            order = {"command": command, "cwd": str(cwd), "env": env}
            _end(_code_of(partial(_become, order)))

    def poll(self) -> int | None:
        """Returns the exit code, or None as long as it runs."""
        return self._ended(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int | None:
        """Returns the exit code, once it has ended, however long that takes."""
        return self._ended(0)

    def _ended(self, options: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self._pid, options)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def kill(self) -> None:
        """Ends it at once."""
        os.kill(self._pid, signal.SIGKILL)


def _remember_files() -> None:
    """Lets `inspect` look up the files of all modules here, which each dbt would do in its fork."""
    inspect.getmodule(compile("", "<of no module>", "exec"))


def _close_all_but(passed: Sequence[int]) -> None:
    """Closes what Python would not have passed on to another program."""
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # what listed them is closed by now
            if number not in passed and not os.get_inheritable(number):
                os.close(number)


def _code_of(call: Callable[[], None]) -> int:
    """The code with which Python would end, after it said why."""
    try:
        call()
    except SystemExit as exit:
        if exit.code is None or isinstance(exit.code, int):
            return exit.code or 0
        print(exit.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """Ends as Python does, but for taking all modules apart, which costs a third of a second."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _imports_of(command: list[str]) -> list[str]:
    module = _module(command)
    program = module or Path(command[0]).name
    later = LATER.get(program.removesuffix(".__main__"), ())
    return [*([module] if module else []), *later]


def _module(command: list[str]) -> str | None:
    """The module that `python -m` runs: of a package, the one that makes it a command."""
    if command[:2] != [sys.executable, "-m"]:
        return None
    spec = importlib.util.find_spec(command[2])
    is_package = spec is not None and spec.submodule_search_locations is not None
    return f"{command[2]}.__main__" if is_package else command[2]


def _separate(order: dict[str, Any], out: IO[str], err: IO[str]) -> None:
    """Runs an order with nothing to read; what it writes goes into the files."""
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    _become(order)


def _become(order: dict[str, Any]) -> None:
    """Makes the fork a process like the one that the order describes, and runs that."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    command = order["command"]
    if command[0] != sys.executable:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")
    elif module := _module(command):
        del sys.modules[module]
        sys.argv, sys.path[0] = command[2:], order["cwd"]
        sys.path[1:1] = filter(None, order["env"].get("PYTHONPATH", "").split(os.pathsep))
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        assert command[1] == "-c", f"neither -m nor -c: {command}"
        sys.argv, sys.path[0] = ["-c", *command[3:]], order["cwd"]
        exec(compile(command[2], "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    serve()
