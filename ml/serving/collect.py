"""Stage `collect`: takes the log of online predictions into `ml.predictions`, each exactly once."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa

from ml.command import guarded, show, timed
from ml.context import RunContext
from ml.modeling.predict import INPUTS
from ml.serving import log
from ml.serving.log import Collected, Line, Prediction
from ml.serving.summary import collected_lines
from ml.warehouse import BATCH_ROWS, Warehouse, open_warehouse

_NOT_IN_THE_TABLE = ("request_id", "client", "feature_values", "skill_state")


def run(folder: Path, warehouse: Warehouse, context: RunContext) -> Collected:
    """Adds the predictions of the log that are not there yet, all or none.

    The log is never changed: what keeps a prediction from being added twice is its id. A version
    that is not in `ml.model_runs` belongs to another platform, or to a run that was never
    published; its predictions stay in the log, and are taken in once the version is known.

    Raises:
        LogError: The log cannot be read.
    """
    known = set(
        warehouse.fetch(
            "select distinct model_name, model_version from ml.model_runs where status = 'trained'"
        )
    )
    foreign: Counter[str] = Counter()
    first_damaged = None
    whole = added = damaged = 0
    with warehouse.transaction():
        for batch in _batches(log.read(folder)):
            predictions: dict[str, Prediction] = {}
            for place, prediction in batch:
                if prediction is None:
                    damaged += 1
                    first_damaged = first_damaged or place
                elif (prediction.model_name, prediction.model_version) not in known:
                    foreign[f"{prediction.model_name} {prediction.model_version}"] += 1
                else:
                    whole += 1
                    predictions.setdefault(prediction.prediction_id, prediction)
            if predictions:
                rows = _rows(predictions.values(), context.run_id)
                added += warehouse.add("predictions", rows, key=INPUTS[:1])
                warehouse.add("prediction_inputs", _inputs(predictions.values()), key=INPUTS[:1])
    return Collected(added, whole - added, foreign, damaged, first_damaged)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH_ROWS)):
        yield batch


def _rows(predictions: Iterable[Prediction], run_id: str) -> pa.Table:
    """Returns rows of `ml.predictions`; what is live is asked about as of its snapshot."""
    made = list(predictions)
    names = [name for name in Prediction.__slots__ if name not in _NOT_IN_THE_TABLE]
    columns = {name: [getattr(each, name) for each in made] for name in names}
    columns |= {"as_of": columns["snapshot_at"], "origin": ["online"] * len(made)}
    return pa.table(columns | {"run_id": [run_id] * len(made)})


def _inputs(predictions: Iterable[Prediction]) -> pa.Table:
    made = [each for each in predictions if each.feature_values is not None]
    columns = {
        name: pa.array([getattr(each, name) for each in made], pa.string()) for name in INPUTS
    }
    return pa.table(columns)


def main() -> int:
    """Takes the log in; returns 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m ml.serving.collect", description="Takes the log of online predictions in."
    )
    parser.add_argument("--db", type=Path, required=True, help="warehouse file to add to")
    parser.add_argument("--log", type=Path, required=True, help="folder of the log")
    parser.add_argument("--run-id", required=True, help="name of the run, kept with its rows")
    return guarded("online", partial(_collect, parser.parse_args()))


def _collect(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    context = RunContext(options.run_id, datetime.now(UTC).replace(tzinfo=None))
    with open_warehouse(options.db) as warehouse:
        first, *others = collected_lines(run(options.log, warehouse, context))
    return show("online", [*timed([first], started), *others])


if __name__ == "__main__":
    sys.exit(main())
