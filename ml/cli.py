"""The command line: runs the stages in one process and turns errors into one clear line."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ml import settings, summary
from ml.amount import settings as amount_settings
from ml.amount import stage as amount
from ml.amount.summary import amount_lines
from ml.bandit import bandit
from ml.bandit import settings as bandit_settings
from ml.bandit.summary import decided_lines
from ml.command import fitted, guarded, show, timed
from ml.containment import Failure, Units
from ml.context import RunContext
from ml.errors import PARTLY_DONE
from ml.experiments import designs, experiment
from ml.experiments.summary import experimented_lines
from ml.modeling import predict, train
from ml.modeling.rows import feature_catalogue
from ml.monitoring import monitor
from ml.monitoring.findings import NOT_TESTED
from ml.monitoring.summary import monitored_lines
from ml.settings import ModelSettings
from ml.warehouse import Warehouse, open_warehouse

_OF_MODELS = ("train", "predict", "monitor")
STAGES = (*_OF_MODELS, "amount", "experiment", "bandit")


def main(arguments: Sequence[str], now: Callable[[], datetime] | None = None) -> int:
    """Runs the stages asked for, always in the order of STAGES.

    Args:
        arguments: What stands behind `python -m ml`.
        now: The clock behind `trained_at`, `predicted_at` and `measured_at`, in UTC.

    Returns:
        0; 1 when something drifted and `--fail-on-alert` asks for it; 2 when the call or its inputs
        were wrong; 3 (PARTLY_DONE) when a bug ended some models or experiments, or the bandit, and
        all others are done.
    """
    return guarded("ml", partial(_run, _parser().parse_args(arguments), now or _utc_now))


def _run(options: argparse.Namespace, now: Callable[[], datetime]) -> int:
    context = RunContext(options.run_id, now().replace(tzinfo=None))
    with open_warehouse(options.db) as warehouse:
        is_about_models = not {*_OF_MODELS, "amount"}.isdisjoint(options.stages)
        models: tuple[ModelSettings, ...] = ()
        if is_about_models:
            models = settings.load(options.config, feature_catalogue(warehouse))
        run = _Run(models, warehouse, options, context)
        for stage in STAGES:
            if stage in options.stages:
                run.stage(stage)
        return run.exit_code()


class _Run:
    """The stages of one call, on one warehouse."""

    def __init__(
        self,
        models: tuple[ModelSettings, ...],
        warehouse: Warehouse,
        options: argparse.Namespace,
        context: RunContext,
    ) -> None:
        self._models, self._warehouse = models, warehouse
        self._options, self._context = options, context
        self._units = Units(warehouse, context)
        self._has_alert = False

    def stage(self, stage: str) -> None:
        """Runs one stage, for every model where it is about models."""
        if stage == "amount":
            self._unit(stage, amount_settings.NAME, self._amount)
        elif stage == "experiment":
            self._unit(stage, "all experiments", self._experiment)
        elif stage == "bandit":
            self._unit(stage, "bandit", self._bandit)
        else:
            for model in self._models:
                self._unit(stage, model.name, partial(self._model, stage, model))

    def exit_code(self) -> int:
        """Returns the exit code of what was done."""
        if failures := self._units.failures:
            names = ", ".join(f"{each.stage} of {each.unit}" for each in failures)
            print(f"ml: {len(failures)} units failed because of a bug: {names}", file=sys.stderr)
            return PARTLY_DONE
        return int(self._has_alert and self._options.fail_on_alert)

    def _unit(self, stage: str, unit: str, work: Callable[[], list[str]]) -> None:
        started = time.perf_counter()
        earlier = self._units.failed_before(unit, _OF_MODELS)
        if earlier and stage in _OF_MODELS:
            found: list[str] | Failure = [f"{unit}: not done, since {earlier.stage} of it failed"]
        else:
            found = self._units.run(stage, unit, work)
        lines = [str(found)] if isinstance(found, Failure) else found
        show(stage, fitted(timed(lines, started)))

    def _amount(self) -> list[str]:
        given = amount_settings.load(amount_settings.DEFAULT_PATH)
        project = next((model for model in self._models if model.entity == "project"), None)
        if project is None:
            return [f"{self._options.config} has no model of projects, whose cut it would take"]
        models = self._options.models
        found = amount.run(given, project, self._warehouse, self._context, models=models)
        return amount_lines(found, project.drift.snapshot_kinds[-1])

    def _experiment(self) -> list[str]:
        registered = designs.load(self._options.designs)
        found = experiment.run(registered, self._warehouse, self._context, units=self._units)
        return experimented_lines(found)

    def _bandit(self) -> list[str]:
        given = bandit_settings.load(bandit_settings.DEFAULT_PATH)
        return decided_lines(bandit.run(given, self._warehouse, self._context))

    def _model(self, stage: str, model: ModelSettings) -> list[str]:
        warehouse, context, models = self._warehouse, self._context, self._options.models
        if stage == "train":
            trained = train.run(model, warehouse, context, models=models, truth=self._options.truth)
            return summary.trained_lines(model, trained, models)
        if stage == "predict":
            return summary.predicted_lines(predict.run(model, warehouse, context, models=models))
        return self._monitor(model)

    def _monitor(self, model: ModelSettings) -> list[str]:
        found = monitor.run(model, self._warehouse, self._context)
        self._has_alert |= bool(found.alerts)
        if self._options.fail_on_alert and found.status == NOT_TESTED:
            # silence would look like "no drift": who schedules this call must be able to tell
            print(f"monitor: {model.name} {NOT_TESTED}: {found.skip_reason}", file=sys.stderr)
        return monitored_lines(found)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description="Runs stages of ml.")
    parser.add_argument("stages", nargs="+", choices=STAGES, help="in this order, any of them")
    parser.add_argument("--db", type=Path, required=True, help="warehouse file to read and add to")
    parser.add_argument("--models", type=Path, required=True, help="folder of the model files")
    parser.add_argument("--run-id", required=True, help="name of the run, kept with its rows")
    parser.add_argument(
        "--truth", type=Path, help="folder that `make truth` wrote, to be measured against it"
    )
    parser.add_argument(
        "--fail-on-alert", action="store_true", help="exit with 1 when drift is detected"
    )
    parser.add_argument(
        "--config", type=Path, default=settings.DEFAULT_PATH, help="default: ml/models.toml"
    )
    parser.add_argument(
        "--designs",
        type=Path,
        default=designs.DEFAULT_PATH,
        help="default: ml/experiments/designs.toml",
    )
    return parser
