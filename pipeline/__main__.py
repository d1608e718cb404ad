"""The pipeline's command line, for schedulers and for `make`.

    python -m pipeline [--dry-run] GOAL [GOAL ...] [NAME=value ...]

--dry-run says what is due and why, and does nothing. Exit codes: 0 done; 1 the data were refused,
or FAIL_ON_ALERT=1 found drift; 2 the call was wrong, or the machine is not ready (a full disk,
another run); 3 published, but a model, an experiment or a page failed because of a bug; 70 a bug,
nothing was published; 130 interrupted. docs/operations.md explains goals and variables.
"""

import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime

from pipeline import goals, settings, spark
from pipeline.child import machine_reason, with_remedy
from pipeline.database import connect, scalar
from pipeline.digests import Digests
from pipeline.errors import (
    BUG,
    DONE,
    INTERRUPTED,
    REFUSED,
    CallError,
    PipelineError,
    StageFailedError,
)
from pipeline.lock import locked
from pipeline.paths import Paths
from pipeline.plan import ML_STAGES, Context
from pipeline.run_log import RunLog
from pipeline.runner import NAMES, Runner
from pipeline.screen import short, show
from pipeline.state import State

# the last stages of the goals after which a warehouse is published
PUBLISHING = ("publish", "pages")
UNTIL = {name: name for name in NAMES if name != "ml"} | {"run": "pages", "docs": "pages"}
OTHERS: dict[str, Callable[[Runner], None]] = {
    **{name: goals.single_ml_stage(name) for name in ML_STAGES},
    "backtest": goals.backtest,
    "truth": goals.truth,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Reaches the goals in turn and returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or "--help" in given or "-h" in given:
        print(f"{__doc__}\ngoals: {', '.join([*UNTIL, *OTHERS])}")
        print(f"variables: {', '.join(settings.DEFAULTS)}")
        return DONE if given else CallError.code
    signal.signal(signal.SIGTERM, _interrupt)
    is_dry = "--dry-run" in given
    wanted = [each for each in given if "=" not in each and each != "--dry-run"]
    try:
        if unknown := [each for each in wanted if each not in UNTIL and each not in OTHERS]:
            raise CallError(f"no such goal: {', '.join(unknown)}; python -m pipeline --help")
        chosen = settings.read([each for each in given if "=" in each])
        return _reach(wanted or ["run"], chosen, is_dry=is_dry)
    except PipelineError as error:
        print(f"{'pipeline':<10} {error}", file=sys.stderr)
        return error.code
    except OSError as error:
        reason = machine_reason(error) or f"{error.strerror} ({error.filename})"
        print(
            f"{'pipeline':<10} {with_remedy(reason)}; what is published is whole",
            file=sys.stderr,
        )
        return CallError.code
    except KeyboardInterrupt:
        print(f"{'pipeline':<10} interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # Python would leave with 1, which means that a gate refused
        traceback.print_exc()
        print(
            f"{'pipeline':<10} failed because of a bug; see the traceback above:"
            " what is published is whole",
            file=sys.stderr,
        )
        return BUG


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _reach(wanted: Sequence[str], chosen: settings.Settings, *, is_dry: bool) -> int:
    paths = Paths.at(chosen["WAREHOUSE"], chosen["SITE"])
    paths.check()
    if chosen["TARGET"] == "spark" and not is_dry:
        spark.check(chosen["SPARK_MASTER"])
    # a dry run of a warehouse that is not there must not make its folder
    is_lockable = paths.root.is_dir() or not is_dry
    with locked(paths.root) if is_lockable else nullcontext(-1) as lock:
        started_at = datetime.now(UTC)
        run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{os.getpid()}"
        digests = Digests(paths.digests)
        log = RunLog(paths.run_log, run_id)
        runner = Runner(
            Context(chosen, paths, digests, run_id, started_at),
            State(paths),
            log,
            lock=lock,
        )
        if is_dry:
            return _show_what_is_due(runner, wanted)
        log.begin(wanted, dict(chosen.values))
        code = BUG
        try:
            with closing(runner):
                for goal in wanted:
                    _reach_one(runner, goal)
            code = runner.code
        except PipelineError as error:
            code = error.code
            raise
        except KeyboardInterrupt:
            code = INTERRUPTED
            raise
        finally:
            log.end(code)
            digests.save()
        return code


def _reach_one(runner: Runner, goal: str) -> None:
    if goal in OTHERS:
        OTHERS[goal](runner)
        return
    started = time.perf_counter()
    ran = runner.bring_up_to_date(UNTIL[goal])
    if ran and goal == "run":
        seconds = time.perf_counter() - started
        given = runner.context.settings
        warehouse, site = (
            f" {name}={shlex.quote(given[name])}" if given[name] != settings.DEFAULTS[name] else ""
            for name in ("WAREHOUSE", "SITE")
        )
        show(
            "run",
            f"done in {seconds:.0f} s. Ask it: make query SQL='from insights.project_outlook'"
            f"{warehouse}; browse it: make site{site}",
        )
    elif not ran:
        what = short(runner.context.paths.published) if goal == "run" else goal
        show(goal, f"nothing has changed: {what} is up to date with its inputs")
    if UNTIL[goal] in PUBLISHING and runner.context.settings["FAIL_ON_ALERT"] == "1":
        _fail_on_alert(runner.context.paths)


def _fail_on_alert(paths: Paths) -> None:
    """Drift keeps nothing from being published: the alerts are read from what is."""
    with closing(connect(paths.published, read_only=True)) as con:
        count = scalar(con, "select count(*) from insights.drift_alerts")
        untested = scalar(
            con,
            """select string_agg(distinct model_name || ' ' || model_summary, '; ')
            from insights.drift_status where model_status = 'not tested'""",
        )
    if untested:
        # silence would look like "no drift"
        print(f"FAIL_ON_ALERT=1: {untested}", file=sys.stderr)
    if count:
        raise StageFailedError(
            f"FAIL_ON_ALERT=1: {count} rows in insights.drift_alerts; the warehouse is published",
            REFUSED,
        )


def _show_what_is_due(runner: Runner, wanted: Sequence[str]) -> int:
    root = runner.context.paths.root
    if not root.is_dir():
        show("pipeline", f"there is no warehouse yet at {root}")
    for goal in wanted:
        due = runner.first_due(UNTIL.get(goal, "validate"))
        show(
            goal,
            f"{due[0]} is due ({due[1]}), and what follows from it" if due else "nothing is due",
        )
    return DONE


if __name__ == "__main__":
    if sys.getfilesystemencoding() != "utf-8":  # by a locale: DuckDB's paths, and what is shown
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "pipeline", *sys.argv[1:]])
    sys.exit(main())
