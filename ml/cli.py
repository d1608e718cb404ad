"""The command line: runs the stages in one process and turns errors into one clear line."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ml import settings, summary
from ml.bandit import settings as release_settings
from ml.bandit import stage as bandit
from ml.bandit.summary import decided_lines
from ml.containment import Failure, Units
from ml.errors import PARTLY_DONE, MlError
from ml.experiments import designs
from ml.experiments.stage import experiment
from ml.experiments.summary import experimented_lines
from ml.modeling.predict import predict
from ml.modeling.rows import feature_catalogue
from ml.modeling.train import train
from ml.monitoring.alarms import NOT_TESTED
from ml.monitoring.stage import monitor
from ml.monitoring.summary import monitored_lines
from ml.settings import ModelSettings
from ml.warehouse import Warehouse, open_warehouse

_OF_MODELS = ("train", "predict", "monitor")
STAGES = (*_OF_MODELS, "experiment", "bandit")


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
    options = _parser().parse_args(arguments)
    moment = (now or _utc_now)().replace(tzinfo=None)
    try:
        with open_warehouse(options.db) as warehouse:
            models = settings.load(options.config, feature_catalogue(warehouse))
            run = _Run(models, warehouse, options, moment)
            for stage in STAGES:
                if stage in options.stages:
                    run.stage(stage)
            return run.exit_code()
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2


class _Run:
    """The stages of one call, on one warehouse."""

    def __init__(
        self,
        models: tuple[ModelSettings, ...],
        warehouse: Warehouse,
        options: argparse.Namespace,
        now: datetime,
    ) -> None:
        self._models, self._warehouse, self._options, self._now = models, warehouse, options, now
        self._units = Units(warehouse, run_id=options.run_id, now=now)
        self._has_alert = False

    def stage(self, stage: str) -> None:
        """Runs one stage, for every model where it is about models."""
        if stage == "experiment":
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
        lines[-1] += f" ({time.perf_counter() - started:.1f} s)"
        for number, line in enumerate(lines):
            print(f"{stage if number == 0 else '':<10} {line}", flush=True)

    def _experiment(self) -> list[str]:
        rows = {"run_id": self._options.run_id, "now": self._now}
        registered = designs.load(self._options.designs)
        return experimented_lines(experiment(registered, self._warehouse, self._units, **rows))

    def _bandit(self) -> list[str]:
        rows = {"run_id": self._options.run_id, "now": self._now}
        chosen = release_settings.load(release_settings.DEFAULT_PATH)
        return decided_lines(bandit.decide(chosen, self._warehouse, **rows))

    def _model(self, stage: str, model: ModelSettings) -> list[str]:
        warehouse, options = self._warehouse, self._options
        rows = {"run_id": options.run_id, "now": self._now}
        if stage == "train":
            trained = train(model, warehouse, options.models, **rows, truth=options.truth)
            return summary.trained_lines(model, trained, options.models)
        if stage == "predict":
            return summary.predicted_lines(predict(model, warehouse, options.models, **rows))
        found = monitor(model, warehouse, **rows)
        self._has_alert |= bool(found.alarms)
        if options.fail_on_alert and found.status == NOT_TESTED:
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
