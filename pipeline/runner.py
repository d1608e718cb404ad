"""Runs the stages that are due, in the order of the plan, and remembers what is done."""

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import closing

from pipeline.database import DatabaseError, connect
from pipeline.errors import (
    BUG,
    DONE,
    INTERRUPTED,
    PARTLY_DONE,
    REFUSED,
    CallError,
    StageFailedError,
)
from pipeline.paths import DBT_PROJECT, PROJECT, SPARK_CONF, log_of
from pipeline.plan import STAGES, Command, Context, Stage
from pipeline.quality import Run, last_export
from pipeline.run_log import RunLog
from pipeline.screen import short, wait
from pipeline.state import Record, State
from pipeline.worker import Worker

IGNORED_WARNINGS = (
    # of a stage that was interrupted: the semaphores it names are gone with it
    "ignore:resource_tracker:UserWarning",
    # what is used of pyspark is SQL alone
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
)
NAMES = tuple(stage.name for stage in STAGES)


class Runner:
    """Brings a warehouse up to date, stage by stage.

    Attributes:
        code: What the run leaves with if nothing stops it: DONE or PARTLY_DONE.
    """

    def __init__(
        self,
        context: Context,
        state: State,
        log: RunLog,
        *,
        lock: int,
        plan: Sequence[Stage] = STAGES,
    ) -> None:
        """Takes what a run needs; `lock` is inherited by the stages."""
        self.context, self.state, self.code = context, state, DONE
        self._log, self._plan = log, plan
        self._worker = Worker(folder=PROJECT, environment=self._environment(), lock=lock)

    def bring_up_to_date(self, until: str) -> list[str]:
        """Runs what is due up to a stage; returns the names of the stages that ran.

        Raises:
            CallError: DATA is missing: generated data would replace those of an export.
            StageFailedError: A stage refused or failed, after printing why.
        """
        ran: list[str] = []
        for stage in self._stages(until):
            if reason := self.reason(stage):
                if not ran:
                    self._require_data()
                self._run(stage, reason)
                ran.append(stage.name)
        return ran

    def first_due(self, until: str) -> tuple[str, str] | None:
        """The first stage that is due and why; what follows is known when it has run."""
        due = ((stage.name, self.reason(stage)) for stage in self._stages(until))
        first = next(((name, reason) for name, reason in due if reason), None)
        if first:
            self._require_data()
        return first

    def reason(self, stage: Stage) -> str:
        """Says why a stage is due; empty if it is not."""
        if stage.is_in_database:
            if not self.state.holds_database():
                return "there is no database from the stages before, or it was changed"
            known = self.state.database.stages.get(stage.name)
        else:
            known = self.state.files.get(self._key(stage))
        if known is None:
            return "not done yet"
        found = stage.reads(self.context)
        changed = [name for name in found if found[name] != known.reads.get(name)]
        if changed or found.keys() != known.reads.keys():
            return f"changed: {', '.join(changed) or 'what it reads'}"
        left = stage.writes(self.context)
        lost = [name for name in left if left[name] != known.writes.get(name)]
        return f"changed or removed since it was made: {', '.join(lost)}" if lost else ""

    def run_command(self, name: str, commands: Sequence[Command], reason: str) -> int:
        """Runs commands in the process of the stages; returns DONE or PARTLY_DONE.

        Raises:
            StageFailedError: They, or the process, ended in another way.
        """
        started = time.perf_counter()
        code = self._call(name, commands)
        seconds = time.perf_counter() - started
        self._log.stage(name, reason=reason, seconds=seconds, code=code)
        if code == PARTLY_DONE:
            self.code = PARTLY_DONE
        elif code != DONE:
            raise StageFailedError(_ending(name, code, self.context), _exit_code(code))
        return code

    def open_build(self) -> None:
        """Makes sure that there is a build to go on with, or copies the published file."""
        paths = self.context.paths
        if self.state.database.is_published:
            aside = paths.build.with_name("copy.duckdb")
            shutil.copyfile(paths.published, aside)
            # the log of a build that was killed would be replayed into the copy
            log_of(paths.build).unlink(missing_ok=True)
            os.replace(aside, paths.build)
            self.state.go_on_in_build()

    def forget_from(self, name: str) -> None:
        """Says that a stage in the database, and those after it, are to be done again."""
        stages = self.state.database.stages
        for later in NAMES[NAMES.index(name) :]:
            stages.pop(later, None)

    def _stages(self, until: str) -> list[Stage]:
        """The stages up to one; an export is not generated."""
        is_export = bool(self.context.settings["DATA"])
        stages = self._plan[: [stage.name for stage in self._plan].index(until) + 1]
        return [stage for stage in stages if not (is_export and stage.name == "generate")]

    def _require_data(self) -> None:
        """Refuses to generate: a call without DATA would replace real money by simulated."""
        published = self.context.paths.published
        if self.context.settings["DATA"] or not published.exists():
            return
        try:
            with closing(connect(published, read_only=True)) as con:
                name = last_export(con)
        except DatabaseError:  # damaged, which the build says, or too old to have recorded runs
            return
        if name is not None:
            raise CallError(
                f"{short(published)} holds the export {name!r}, and DATA is empty: generated data"
                " would replace it. Name the export (DATA=folder), or another folder for generated"
                " data (WAREHOUSE=folder); nothing was changed"
            )

    def _key(self, stage: Stage) -> str:
        # each generated platform has a folder of its own
        is_generated = stage.name == "generate"
        return f"generate {self.context.settings.platform}" if is_generated else stage.name

    def _run(self, stage: Stage, reason: str) -> None:
        state, context = self.state, self.context
        record = Record(stage.reads(context), {}, context.run_id)
        if stage.is_in_database and stage.name == "features":
            state.begin_build()
        elif stage.is_in_database:
            self.open_build()
            self.forget_from(stage.name)
        state.save()
        commands = self._publish() if stage.name == "publish" else stage.commands(context)
        code = DONE
        try:
            code = self.run_command(stage.name, commands, reason) if commands else DONE
        except StageFailedError as error:
            if stage.is_in_database and error.code == REFUSED:
                state.mark_database()  # it was judged, and is as it was
                state.save()
            if error.code == REFUSED and (shown := stage.if_refused(context)):
                self._call(stage.name, shown)
            raise
        record.writes = stage.writes(context)
        if stage.name == "publish":
            state.mark_published()
        elif stage.is_in_database:
            state.mark_database()
        done = state.database.stages if stage.is_in_database else state.files
        done[stage.name if stage.is_in_database else self._key(stage)] = record
        if code != DONE:  # a failed unit is tried again by the next run
            record.reads = {}
        state.save()
        context.digests.save()

    def _publish(self) -> list[Command]:
        context, stages = self.context, self.state.database.stages
        if "validate" not in stages:
            raise CallError("this build was never validated; nothing was published")
        settings = context.settings
        is_generated = not settings["DATA"]
        run = Run(
            context.run_id,
            f"{context.started_at:%Y-%m-%d %H:%M:%S.%f}",
            context.raw_folder.name,
            int(settings["SCALE"]) if is_generated else None,
            int(settings["SEED"]) if is_generated else None,
            settings["SCENARIO"] if is_generated else None,
            *(stages[name].run_id for name in ("features", "validate", "insights")),
        )
        root = str(context.paths.root)
        return [["pipeline.publish", "--warehouse", root, "--run", json.dumps(run._asdict())]]

    def _call(self, name: str, commands: Sequence[Command]) -> int:
        """Runs commands in the process of the stages; Ctrl-C ends both."""
        process = self._worker.start(commands)
        try:
            code = wait(process, name)
        except KeyboardInterrupt:
            process.kill()
            return INTERRUPTED
        return INTERRUPTED if code == -signal.SIGINT else code

    def close(self) -> None:
        """Ends the process of the stages."""
        self._worker.close()

    def _environment(self) -> dict[str, str]:
        paths = self.context.paths
        return {
            "ESCROW_DB": str(paths.build),
            "ESCROW_LANDED": paths.landed_for_dbt,
            "ESCROW_SPARK": str(paths.spark),
            "DUCKDB_MEMORY": self.context.settings["DUCKDB_MEMORY"],
            "SPARK_MASTER": self.context.settings["SPARK_MASTER"],
            "SPARK_CONF_DIR": os.environ.get("SPARK_CONF_DIR", str(SPARK_CONF)),
            "DBT_PROJECT_DIR": str(DBT_PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(paths.dbt_target),
            "DBT_LOG_PATH": str(paths.build_folder / "logs"),
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": ",".join(IGNORED_WARNINGS),
        }


def _exit_code(code: int) -> int:
    return code if code in (REFUSED, CallError.code, INTERRUPTED) else BUG


def _ending(name: str, code: int, context: Context) -> str:
    """Says where a run ended, and that nothing published was touched."""
    is_published = context.paths.published.exists()
    kept = "the published warehouse is as it was" if is_published else "nothing is published yet"
    if name == "pages":
        kept = "the published warehouse is up to date, its pages are not"
    if code < 0:
        what = f"was ended by signal {signal.Signals(-code).name}"
    elif code == INTERRUPTED:
        what = "was interrupted"
    elif code == REFUSED:
        what = "found drift" if name == "monitor" else "refused"
    elif code == CallError.code:
        what = "could not go on; see above"
    else:
        what = f"failed because of a bug (exit code {code}); see the traceback above"
    return f"{name} {what}: {kept}"
