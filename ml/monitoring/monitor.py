"""Stage `monitor`: what has moved between training and now, since when, at what cost."""

from datetime import datetime, timedelta

import numpy as np

from ml.context import RunContext
from ml.modeling.predict import decided_run
from ml.modeling.registry import ModelRun
from ml.modeling.rows import check_inputs
from ml.monitoring.alerts import Watch
from ml.monitoring.findings import Alert, Calibration, Cost, Finding, Monitored, Week
from ml.monitoring.outcomes import Outcomes, OutcomeWatch, read_outcomes
from ml.monitoring.records import Records
from ml.monitoring.samples import PREDICTION, Sample, read_samples
from ml.settings import ModelSettings
from ml.warehouse import Warehouse


def run(model: ModelSettings, warehouse: Warehouse, context: RunContext) -> Monitored:
    """Compares like with like: one row per project, the same kind of snapshot in both windows.

    The current windows are the last `window_days`, or as far back (never behind the cut) as
    `min_entities` take them. Matured outcomes are compared with what was predicted besides. The
    same is done for every earlier week since the cut: snapshots of a fixed kind never change, so
    what the monitor would have found then is a matter of filtering.

    Raises:
        MlError: There is no model for this warehouse, or a column is missing.
    """
    champion = decided_run(model, warehouse)
    as_of = warehouse.as_of()
    records = Records(warehouse, champion, context)
    if champion.status != "trained":
        skipped = Monitored(champion, [], [])
        records.add_checks(as_of, skipped)
        return skipped
    check_inputs(warehouse, model, model.features)
    samples = list(read_samples(model, warehouse, champion, as_of))

    weeks = _weeks(
        model, champion, as_of, samples, read_outcomes(model, warehouse, champion, as_of)
    )
    now = weeks.pop(as_of)
    costs = _costs(model, samples, as_of)
    alerts = [
        Alert(finding, _since(finding, weeks, as_of), _cost_at(model, finding, costs))
        for finding in now.findings
        if finding.is_alert
    ]
    result = Monitored(champion, now.windows, alerts)

    with warehouse.transaction():
        records.add_checks(as_of, result)
        records.add_findings(model.drift, as_of, now.findings, costs)
        records.add_replays(as_of, weeks)
        records.add_alerts(as_of, alerts)
    return result


def _weeks(
    model: ModelSettings,
    run: ModelRun,
    as_of: datetime,
    samples: list[Sample],
    outcomes: Outcomes,
) -> dict[datetime, Week]:
    """Looks at every Monday since the cut, and at AS_OF."""
    timestamps = [*_mondays(run, as_of), as_of]
    drift, calibration = (
        Watch(model.drift, samples),
        OutcomeWatch(model.drift, outcomes, timestamps),
    )
    return {
        when: Week(
            [
                *drift.findings(when, watched_only=when < as_of),
                *calibration.findings(when),
            ],
            [*drift.windows(when), calibration.window(when)],
        )
        for when in timestamps
    }


def _costs(model: ModelSettings, samples: list[Sample], as_of: datetime) -> list[Cost]:
    found = (_cost(model, each, as_of) for each in samples if PREDICTION in each.numbers)
    return [cost for cost in found if cost is not None]


def _mondays(run: ModelRun, as_of: datetime) -> list[datetime]:
    assert run.cutoff_at is not None
    day = run.cutoff_at.replace(hour=0, minute=0, second=0, microsecond=0)
    first = day + timedelta(days=7 - day.weekday())
    weeks = -((first - as_of) // timedelta(weeks=1))  # those that end before the present window
    return [first + timedelta(weeks=week) for week in range(weeks)]


def _since(
    finding: Finding | Calibration, weeks: dict[datetime, Week], as_of: datetime
) -> datetime:
    since = as_of
    for monday in sorted(weeks, reverse=True):
        drifted = {
            (then.feature, then.snapshot_kind) for then in weeks[monday].findings if then.is_alert
        }
        if (finding.feature, finding.snapshot_kind) not in drifted:
            break
        since = monday
    return since


def _cost(model: ModelSettings, sample: Sample, as_of: datetime) -> Cost | None:
    drift = model.drift
    rows = sample.window(as_of, drift.window_days[0], drift.min_entities)
    before, now = sample.reference[PREDICTION], sample.recent[PREDICTION][rows]
    if min(len(before), len(now)) < drift.min_entities:
        return None
    then, today = (float(np.maximum(chance, 1 - chance).mean()) for chance in (before, now))
    return Cost(sample.snapshot_kind, then, today, len(before), len(now))


def _cost_at(
    model: ModelSettings, finding: Finding | Calibration, costs: list[Cost]
) -> Cost | None:
    """Returns the cost at a snapshot kind; what has no such kind gets that of `outcome_kind`."""
    by_kind = {cost.snapshot_kind: cost for cost in costs}
    return by_kind.get(finding.snapshot_kind) or by_kind.get(model.drift.outcome_kind)
