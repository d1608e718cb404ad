"""Stage `monitor`: what has moved between training and now, since when, at what cost."""

from datetime import datetime, timedelta

import numpy as np

from ml.modeling.predict import decided_run
from ml.modeling.registry import ModelRun
from ml.modeling.rows import check_inputs
from ml.monitoring.alarms import Alarm, Cost, Finding, Monitored, Watch
from ml.monitoring.records import Records
from ml.monitoring.samples import PREDICTION, Sample, read_samples
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


def monitor(model: ModelSettings, warehouse: Warehouse, *, run_id: str, now: datetime) -> Monitored:
    """Compares like with like: one row per project, the same kind of snapshot in both windows.

    The current window is the last `window_days`, or as far back (never behind the cut) as
    `min_entities` take it. The same is done for every earlier week since the cut: snapshots of a
    fixed kind never change, so what the monitor would have said then is a matter of filtering.

    Raises:
        MlError: There is no model for this warehouse, or a column is missing.
    """
    run = decided_run(model, warehouse)
    as_of = warehouse.as_of()
    records = Records(warehouse, run, run_id, now)
    if run.status != "trained":
        skipped = Monitored(run, [], [])
        records.add_checks(as_of, skipped)
        return skipped
    check_inputs(warehouse, model, model.features)
    samples = list(read_samples(model, warehouse, run, as_of))
    watch = Watch(model.drift, samples)
    findings = watch.findings(as_of)
    replays = {moment: watch.findings(moment) for moment in _mondays(run, as_of)}
    costs = [
        cost
        for sample in samples
        if PREDICTION in sample.numbers and (cost := _cost(model, sample, as_of))
    ]
    alarms = [
        Alarm(finding, _since(finding, replays, as_of), _cost_at(finding.clock, costs))
        for finding in findings
        if finding.is_alert
    ]
    result = Monitored(run, watch.windows(as_of), alarms)
    with warehouse.transaction():
        records.add_checks(as_of, result)
        records.add_findings(model.drift, as_of, findings, costs)
        records.add_replays(as_of, replays)
        records.add_alarms(as_of, alarms)
    return result


def _mondays(run: ModelRun, as_of: datetime) -> list[datetime]:
    assert run.cutoff_at is not None
    day = run.cutoff_at.replace(hour=0, minute=0, second=0, microsecond=0)
    first = day + timedelta(days=7 - day.weekday())
    weeks = -((first - as_of) // timedelta(weeks=1))  # those that end before the present window
    return [first + timedelta(weeks=week) for week in range(weeks)]


def _since(finding: Finding, replays: dict[datetime, list[Finding]], as_of: datetime) -> datetime:
    since = as_of
    for moment in sorted(replays, reverse=True):
        alarmed = {(then.feature, then.clock) for then in replays[moment] if then.is_alert}
        if (finding.feature, finding.clock) not in alarmed:
            break
        since = moment
    return since


def _cost(model: ModelSettings, sample: Sample, as_of: datetime) -> Cost | None:
    drift = model.drift
    rows = sample.window(as_of, drift.window_days, drift.min_entities)
    before, now = sample.reference[PREDICTION], sample.recent[PREDICTION][rows]
    if min(len(before), len(now)) < drift.min_entities:
        return None
    then, today = (float(np.maximum(chance, 1 - chance).mean()) for chance in (before, now))
    return Cost(sample.clock, then, today, len(before), len(now))


def _cost_at(clock: str, costs: list[Cost]) -> Cost | None:
    """Returns the cost at a clock; what has no clock of its own gets that of the first one."""
    return next((cost for cost in costs if cost.clock == clock), costs[0] if costs else None)
