"""Replays the platform: how models trained at earlier cutoffs predicted what was live then.

Run as `python -m ml.modeling.backtest`. Fixed snapshots never change once taken, so a replay is
a filter: train on what was mature at a cutoff, predict the snapshots taken from then to the
next one.
"""

import argparse
import dataclasses
import itertools
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from ml import settings
from ml.command import guarded, show, timed
from ml.context import RunContext
from ml.errors import MlError
from ml.modeling import assessment, estimators, fingerprints, metrics, rolling
from ml.modeling.assessment import Assessment
from ml.modeling.metrics import ALL_KINDS, Metric
from ml.modeling.registry import ModelRun, add_run, is_replayed, run_in_use
from ml.modeling.rolling import Training
from ml.modeling.rows import check_inputs, feature_catalogue, rows_between, training_rows
from ml.modeling.versions import new_run, skip_reason, with_test, with_training
from ml.settings import ModelSettings
from ml.warehouse import Warehouse, open_warehouse

SPLIT = "backtest"
_UNITS = {"d": "day", "w": "week", "mo": "month"}


class BacktestError(MlError):
    """The backtest was called with a wrong date or step."""


class Replay(NamedTuple):
    """One cutoff: the model trained there, what it was measured on, what is still pending."""

    run: ModelRun
    assessment: Assessment | None
    pending_count: int


def cutoffs(warehouse: Warehouse, first: str, last: str, every: str) -> list[datetime]:
    """Returns the cutoffs from `first` to `last`, both ISO dates, and the end of the last window.

    Raises:
        BacktestError: A date or the step cannot be read, or nothing lies between the dates.
    """
    step = re.fullmatch(r"([1-9]\d{0,3})(d|w|mo)", every)
    if not step:
        raise BacktestError(f"EVERY={every} is no step: give 1mo, 2w or 10d, for example")
    found = []
    for name, text in (("FROM", first), ("TO", last)):
        try:
            date = datetime.fromisoformat(text)
        except ValueError as error:
            raise BacktestError(f"{name}={text} is no ISO date, such as 2023-01-01") from error
        found.append(date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date)
    start, end = found
    as_of = warehouse.as_of()
    if not start < end <= as_of:
        raise BacktestError(
            f"FROM={first} TO={last}: FROM must lie before TO, and TO not after {as_of:%Y-%m-%d},"
            " the AS_OF of the warehouse"
        )
    rows = warehouse.fetch(
        f"select unnest(generate_series($first, $last, interval {step[1]} {_UNITS[step[2]]}))",
        first=start,
        last=end,
    )
    each = [row[0] for row in rows]
    return each if each[-1] == end else [*each, end]


def replay(
    model: ModelSettings,
    warehouse: Warehouse,
    at: datetime,
    until: datetime,
    context: RunContext,
) -> Replay:
    """Trains on what was mature at a cutoff, and measures on the snapshots taken after it.

    Only snapshots still open are measured, of entities whose label window has closed by now; the
    others are pending.
    """
    training = training_rows(warehouse, model, at)
    live, pending = rows_between(warehouse, model, at, until)
    data = [fingerprints.of_rows(warehouse, rows) for rows in (training, live)]
    run = new_run(
        model,
        context,
        data="/".join(data),
        cutoff=at,
        as_of=warehouse.as_of(),
        status=SPLIT,
        name=f"{model.name}/{at}/{until}",
    )
    run = dataclasses.replace(with_training(run, training), reason=skip_reason(training, model, at))
    if run.reason or is_replayed(warehouse, run):
        return Replay(run, None, 0)
    run = dataclasses.replace(with_test(run, live), reason=f"{pending} snapshots pending")
    return Replay(run, _judge(model, run, training, live), pending)


def _judge(model: ModelSettings, run: ModelRun, training: pa.Table, live: pa.Table) -> Assessment:
    measured: list[Metric] = []
    if live.num_rows:
        cuts = rolling.cuts_among(training, model.split.cuts)
        fitted = Training(training, cuts).fit(model)
        rows = assessment.scored(live, rolling.score_by(fitted.fits[-1], live))
        found = metrics.measure(rows)
        measured = [
            metric._replace(split=SPLIT) for metric in found if metric.split == "test_undecided"
        ]
    return Assessment(model.estimator, str(run.model_version), measured, [], [])


def run(
    models: tuple[ModelSettings, ...],
    warehouse: Warehouse,
    context: RunContext,
    *,
    cutoffs: list[datetime],
) -> Iterator[str]:
    """Replays every model at every cutoff; adds to `ml.model_runs` and `ml.model_metrics`.

    Yields:
        A line for the screen after each replay.
    """
    for model in models:
        candidate = _serving_candidate(model, warehouse)
        check_inputs(warehouse, model, model.features)
        for at, until in itertools.pairwise(cutoffs):
            started = time.perf_counter()
            found = replay(candidate, warehouse, at, until, context)
            if found.assessment:
                with warehouse.transaction():
                    add_run(warehouse, found.run)
                    assessment.add_to(
                        warehouse, [found.assessment], model.name, found.run.as_of, context
                    )
            yield from timed([_line(found)], started)


def _serving_candidate(model: ModelSettings, warehouse: Warehouse) -> ModelSettings:
    """Returns the candidate whose estimator serves now; the default one if none does."""
    # a cutoff lies in the past: all that is known since may be measured on
    model = dataclasses.replace(model, train_every_days=0)
    serving = run_in_use(warehouse, model.name)
    for each in model.candidates():
        if serving and estimators.class_name(each) == serving.estimator:
            return each
    return model.candidates()[0]


def _line(found: Replay) -> str:
    run = found.run
    head = f"{run.model_name} {run.cutoff_at:%Y-%m-%d}:"
    if not found.assessment:
        return f"{head} {run.reason or 'replayed before'}"
    overall = {
        metric.metric: metric
        for metric in found.assessment.metrics
        if metric.snapshot_kind == ALL_KINDS
    }
    pending = f"{found.pending_count:,} pending"
    if not overall:
        return f"{head} trained on {run.train_entity_count:,}, nothing live has matured, {pending}"
    auc, accuracy = overall["auc"], overall["accuracy"]
    rate = accuracy.base_rate
    figures = ", ".join(
        f"{name} {metric.value:.3f}"
        + (f" [{metric.ci_low:.3f}, {metric.ci_high:.3f}]" if metric.ci_low is not None else "")
        for name, metric in (("AUC", auc), ("accuracy", accuracy))
        if metric.value is not None
    )
    return (
        f"{head} trained on {run.train_entity_count:,}, {accuracy.row_count:,} open snapshots"
        f" of all kinds: {figures}, majority guess {max(rate, 1 - rate):.3f}, {pending}"
    )


def main() -> int:
    """Runs the backtest; returns 0, or 2 when the call or its inputs were wrong."""
    parser = argparse.ArgumentParser(prog="python -m ml.modeling.backtest", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="warehouse to read and add to")
    parser.add_argument("--from", dest="first", required=True, help="first cutoff, an ISO date")
    parser.add_argument("--to", dest="last", required=True, help="end of the last window")
    parser.add_argument("--every", default="1mo", help="step: 1mo, 2w, 10d")
    parser.add_argument("--run-id", required=True, help="name of the run, kept with its rows")
    parser.add_argument("--config", type=Path, default=settings.DEFAULT_PATH)
    return guarded("backtest", partial(_backtest, parser.parse_args()))


def _backtest(options: argparse.Namespace) -> int:
    context = RunContext(options.run_id, datetime.now(UTC).replace(tzinfo=None))
    with open_warehouse(options.db) as warehouse:
        models = settings.load(options.config, feature_catalogue(warehouse))
        dates = cutoffs(warehouse, options.first, options.last, options.every)
        return show("backtest", run(models, warehouse, context, cutoffs=dates))


if __name__ == "__main__":
    sys.exit(main())
