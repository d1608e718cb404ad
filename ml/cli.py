"""The command line: runs the stages in one process and turns errors into one clear line."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ml import reporting, settings
from ml.errors import MlError
from ml.experiments import designs
from ml.experiments.reporting import experimented_lines
from ml.experiments.stage import experiment
from ml.monitoring.monitor import monitor
from ml.monitoring.words import monitored_lines
from ml.predict import predict
from ml.release import bandit
from ml.release import settings as release_settings
from ml.release.reporting import decided_lines
from ml.settings import ModelSettings
from ml.train import train
from ml.warehouse import Warehouse, open_warehouse

STAGES = ("train", "predict", "monitor", "experiment", "bandit")
_WITHOUT_MODELS = ("experiment", "bandit")


def main(arguments: Sequence[str], now: Callable[[], datetime] | None = None) -> int:
    """Runs the stages asked for, always in the order of STAGES.

    Args:
        arguments: What stands behind `python -m ml`.
        now: The clock behind `trained_at`, `predicted_at` and `measured_at`, in UTC.

    Returns:
        0, 1 when something moved and `--fail-on-alert` asks for it, or 2 when the call or its
        inputs were wrong.
    """
    options = _parser().parse_args(arguments)
    moment = (now or _utc_now)().replace(tzinfo=None)
    has_moved = False
    try:
        models = settings.load(options.config)
        with open_warehouse(options.db) as warehouse:
            for stage in STAGES:
                if stage in options.stages:
                    has_moved |= _run(stage, models, warehouse, options, moment)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2
    return int(has_moved and options.fail_on_alert)


def _run(
    stage: str,
    models: tuple[ModelSettings, ...],
    warehouse: Warehouse,
    options: argparse.Namespace,
    now: datetime,
) -> bool:
    """Runs one stage, for every model where it is about models; tells whether something moved."""
    has_moved = False
    for model in (None,) if stage in _WITHOUT_MODELS else models:
        started = time.perf_counter()
        if model is None:
            lines = _decision_lines(stage, warehouse, options, now)
        else:
            lines, is_alert = _model_lines(stage, model, warehouse, options, now)
            has_moved |= is_alert
        lines[-1] += f" ({time.perf_counter() - started:.1f} s)"
        for number, line in enumerate(lines):
            print(f"{stage if number == 0 else '':<10} {line}", flush=True)
    return has_moved


def _decision_lines(
    stage: str, warehouse: Warehouse, options: argparse.Namespace, now: datetime
) -> list[str]:
    if stage == "experiment":
        registered = designs.load(options.designs)
        return experimented_lines(experiment(registered, warehouse, run_id=options.run_id, now=now))
    chosen = release_settings.load(release_settings.DEFAULT_PATH)
    return decided_lines(bandit.decide(chosen, warehouse, run_id=options.run_id, now=now))


def _model_lines(
    stage: str,
    model: ModelSettings,
    warehouse: Warehouse,
    options: argparse.Namespace,
    now: datetime,
) -> tuple[list[str], bool]:
    if stage == "train":
        rows = {"run_id": options.run_id, "now": now}
        trained = train(model, warehouse, options.models, **rows, truth=options.truth)
        return reporting.trained_lines(model, trained, options.models), False
    if stage == "predict":
        predicted = predict(model, warehouse, options.models, run_id=options.run_id, now=now)
        return reporting.predicted_lines(predicted), False
    found = monitor(model, warehouse, run_id=options.run_id, now=now)
    return monitored_lines(found), bool(found.alarms)


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
        "--fail-on-alert", action="store_true", help="exit with 1 when the monitor saw a shift"
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
