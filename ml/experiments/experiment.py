"""Stage `experiment`: replays every interim analysis (look) and keeps what is new."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from ml.containment import Failure, Units
from ml.context import RunContext
from ml.experiments import exposures, readout
from ml.experiments.analysis import METRICS, PRIMARY
from ml.experiments.designs import Design, Designs, Experiment
from ml.experiments.readout import Reading
from ml.experiments.verdicts import REPAIR
from ml.warehouse import Warehouse


class Experimented(NamedTuple):
    """What was found about one experiment: its design, all rows, and how many were added."""

    design: Design
    rows: list[Reading]
    added_count: int


def run(
    designs: Designs, warehouse: Warehouse, context: RunContext, *, units: Units
) -> list[Experimented | Failure]:
    """Analyses all experiments in the exposures and adds to `ml.experiment_results` what changed.

    An experiment whose exposures break a rule is not analysed: its one row names them. The same
    result is not added twice; a changed one is added whole, and the newest counts. One that fails
    because of a bug leaves the others alone.

    Raises:
        WarehouseError: A table that is read is missing.
    """
    for table in ("core.warehouse_as_of", "core.fct_experiment_exposures", "core.fct_pledges"):
        warehouse.require(table)
    as_of = warehouse.as_of()
    analyse = partial(_analyse, designs=designs, warehouse=warehouse, as_of=as_of, context=context)
    return [
        units.run("experiment", each.name, partial(analyse, each))
        for each in exposures.experiments(warehouse)
    ]


def _analyse(
    found: Experiment,
    designs: Designs,
    warehouse: Warehouse,
    as_of: datetime,
    context: RunContext,
) -> Experimented:
    design = designs.of(found, as_of)
    rows = _refused(design, found, warehouse, as_of) or readout.read(
        design, exposures.looks(warehouse, design, as_of)
    )
    return Experimented(design, rows, _add(warehouse, rows, as_of, context))


def _refused(
    design: Design, found: Experiment, warehouse: Warehouse, as_of: datetime
) -> list[Reading]:
    """Returns a row with the reason why there is no result, or no row."""
    problems = [str(each) for each in exposures.violations(warehouse, design)]
    if len(design.arms) < 2:
        problems.append(f"there is one arm only: {found.variants[0]}")
    if not problems:
        return []
    [primary] = [metric for metric in METRICS if metric.role == PRIMARY]
    row = Reading(
        experiment=design.name,
        is_exploratory=design.plan is None,
        hypothesis=design.plan.hypothesis if design.plan else None,
        control=design.control,
        treatment=design.treatments[0] if design.treatments else None,
        metric=primary.name,
        metric_role=primary.role,
        look_number=0,
        look_at=as_of,
        window_days=design.window_days,
        decision=REPAIR,
        reason="not analysed: " + "; ".join(problems),
    )
    return [row]


def _add(warehouse: Warehouse, rows: list[Reading], as_of: datetime, context: RunContext) -> int:
    """Adds the rows unless they are what the newest result for this `as_of` already holds."""
    if not rows:
        return 0
    columns = {name: [getattr(row, name) for row in rows] for name in Reading._fields}
    fixed = {"run_id": context.run_id, "as_of": as_of, "measured_at": context.now}
    table = pa.table(columns | {name: [value] * len(rows) for name, value in fixed.items()})
    return warehouse.record("experiment_results", table, key=("experiment",), made_at="measured_at")
