"""One failing unit (a model, an experiment, the bandit) takes nothing else with it."""

import sys
import traceback
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

import pyarrow as pa

from ml.context import RunContext
from ml.errors import MlError
from ml.warehouse import AbsentError, MachineError, Warehouse

Result = TypeVar("Result")


class Failure(NamedTuple):
    """A unit of a stage that a bug ended."""

    stage: str
    unit: str
    reason: str

    def __str__(self) -> str:
        """Returns what failed, and what that means for the run."""
        return (
            f"{self.unit}: FAILED because of a bug ({self.reason}); its rows of this run are"
            " missing, the rest goes on -> ml.failures"
        )


class Units:
    """Runs the units of all stages of a process; a bug ends one unit only.

    What the caller can put right (`MlError`) and what concerns every unit (a full disk, no memory)
    is raised as it is.

    Attributes:
        failures: What a bug has ended so far.
    """

    def __init__(self, warehouse: Warehouse, context: RunContext) -> None:
        """Takes what rows of `ml.failures` have in common."""
        self._warehouse, self._context = warehouse, context
        self.failures: list[Failure] = []

    def run(self, stage: str, unit: str, work: Callable[[], Result]) -> Result | Failure:
        """Returns what the work returns, or the failure that is now on record."""
        try:
            result = work()
        except Exception as error:
            if concerns_all(error):
                raise
            traceback.print_exc(file=sys.stderr)
            failure = Failure(stage, unit, describe(error))
            self.failures.append(failure)
            self._record(failure, is_failed=True)
            return failure
        if self._was_failed(stage, unit):
            self._record(Failure(stage, unit, ""), is_failed=False)
        return result

    def failed_before(self, unit: str, stages: Collection[str]) -> Failure | None:
        """Returns the failure of the unit in one of the stages of this process, if there is one."""
        failed = (each for each in self.failures if each.unit == unit and each.stage in stages)
        return next(failed, None)

    def _was_failed(self, stage: str, unit: str) -> bool:
        [(count,)] = self._warehouse.fetch(
            "select count(*) from staging.stg_failures where stage = $stage and unit = $unit",
            stage=stage,
            unit=unit,
        )
        return bool(count)

    def _record(self, failure: Failure, *, is_failed: bool) -> None:
        row = {
            "run_id": self._context.run_id,
            "stage": failure.stage,
            "unit": failure.unit,
            "as_of": self._warehouse.as_of(),
            "is_failed": is_failed,
            "reason": failure.reason if is_failed else None,
            "recorded_at": self._context.now,
        }
        self._warehouse.add("failures", pa.Table.from_pylist([row]))


def concerns_all(error: Exception) -> bool:
    """Returns whether an error ends the run: the caller's to put right, or the machine's."""
    return isinstance(error, (MlError, OSError, MemoryError, *MachineError))


def describe(error: Exception) -> str:
    """Returns kind and first line of an error, and what to do where it may be no bug."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, AbsentError):
        text += " If another version of this project built the warehouse: make run"
    return text
