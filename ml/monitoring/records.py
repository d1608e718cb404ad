"""What the monitor found, as rows of schema `ml`; an unchanged measurement adds none."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from ml.context import RunContext
from ml.modeling.registry import ModelRun
from ml.monitoring import summary
from ml.monitoring.alarms import DRIFT, NO_DRIFT, NOT_TESTED, Alarm, Cost, Finding, Monitored
from ml.monitoring.samples import PREDICTION
from ml.settings import Drift
from ml.warehouse import Warehouse

Row = dict[str, Any]


class Records:
    """Adds to `drift_checks`, `drift_stats`, `drift_replays` and `drift_alarms` for one model."""

    def __init__(self, warehouse: Warehouse, run: ModelRun, context: RunContext) -> None:
        """Takes what all rows have in common."""
        self._warehouse = warehouse
        self._model = {"model_name": run.model_name, "model_version": run.model_version}
        self._measurement = {"run_id": context.run_id, "measured_at": context.now}

    def add_checks(self, as_of: datetime, result: Monitored) -> None:
        """Adds one row per snapshot kind and subject: the outcome, or why it was not tested."""
        rows: list[Row] = []
        for window in result.windows:
            alerts = result.alarms_in(window)
            tested = DRIFT if alerts else NO_DRIFT
            rows.append(
                {
                    "snapshot_kind": window.snapshot_kind,
                    "subject": window.subject,
                    "status": tested if window.is_compared else NOT_TESTED,
                    "reason": window.skip_reason,
                    "feature_count": len(window.features),
                    "alert_count": alerts,
                    "reference_count": window.reference_count,
                    "current_count": window.current_count,
                    "needed_count": window.needed_count,
                }
            )
        names = ("snapshot_kind", "subject", "feature_count", "alert_count", "reference_count",
                 "current_count", "needed_count")  # fmt: skip
        if not rows:
            missing = {"status": NOT_TESTED, "reason": result.skip_reason}
            rows = [missing | dict.fromkeys(names)]
        self._add("drift_checks", as_of, rows, ("model_name",))

    def add_findings(
        self, settings: Drift, as_of: datetime, findings: Iterable[Finding], costs: Iterable[Cost]
    ) -> None:
        """Adds one row per feature, snapshot kind and statistic.

        Beside them the accuracy expected now, and how far it is from what was expected at first.
        """
        rows = [row for finding in findings for row in _statistics(settings, finding)]
        for cost in costs:
            change = cost.now - cost.before
            for name, value in (
                ("expected_accuracy", cost.now),
                ("expected_accuracy_change", change),
            ):
                rows.append(
                    {
                        "feature": PREDICTION,
                        "snapshot_kind": cost.snapshot_kind,
                        "statistic": name,
                        "value": value,
                        **dict.fromkeys(("value_low", "threshold", "p_value", "adjusted_p_value")),
                        "reference_count": cost.reference_count,
                        "current_count": cost.current_count,
                        "is_alert": False,
                    }
                )
        self._add("drift_stats", as_of, rows, ("model_name",))

    def add_replays(self, as_of: datetime, replays: Mapping[datetime, Iterable[Finding]]) -> None:
        """Adds one row per earlier week, watched feature and snapshot kind."""
        rows = [
            {"week_at": monday, **_summary(finding), "is_alert": finding.is_alert}
            for monday, findings in replays.items()
            for finding in findings
            if finding.is_watched
        ]
        self._add("drift_replays", as_of, rows, ("model_name", "week_at"))

    def add_alarms(self, as_of: datetime, alarms: Iterable[Alarm]) -> None:
        """Adds one row per feature and snapshot kind that drifted, explained in a sentence."""
        rows = [
            {
                **_summary(alarm.finding),
                "since_at": alarm.since,
                "expected_accuracy": alarm.cost.now if alarm.cost else None,
                "expected_accuracy_change": (
                    alarm.cost.now - alarm.cost.before if alarm.cost else None
                ),
                "words": summary.sentence(alarm),
            }
            for alarm in alarms
        ]
        self._add("drift_alarms", as_of, rows, ("model_name",))

    def _add(self, table: str, as_of: datetime, rows: list[Row], key: tuple[str, ...]) -> None:
        if not rows:
            return
        stamp = self._model | self._measurement | {"as_of": as_of}
        found = pa.Table.from_pylist([stamp | row for row in rows])
        self._warehouse.record(table, found, key=key, made_at="measured_at")


def _statistics(settings: Drift, finding: Finding) -> Iterator[Row]:
    shift, by_mean = finding.shift, finding.is_relevant_by_mean
    rule, limit = settings.mean_shift_threshold, settings.capped_shift_threshold
    figures: list[tuple[str, float | None, float | None, float | None, bool]] = []
    if shift.has_mean:
        figures.append(("relative_mean_shift", shift.mean_shift, None, rule, False))
        figures.append(("capped_mean_shift", shift.capped_shift, shift.capped_low, limit, by_mean))
    by_psi = finding.is_relevant_by_psi
    figures.append(("psi", shift.psi, shift.psi_low, settings.psi_threshold, by_psi))
    figures.append((shift.test, shift.test_value, None, None, False))
    for statistic, value, low, threshold, is_alert in figures:
        yield {
            "feature": finding.feature,
            "snapshot_kind": finding.snapshot_kind,
            "statistic": statistic,
            "value": value,
            "value_low": low,
            "threshold": threshold,
            "p_value": shift.p_value,
            "adjusted_p_value": finding.adjusted_p_value,
            "reference_count": finding.reference_count,
            "current_count": finding.current_count,
            "is_alert": is_alert,
        }


def _summary(finding: Finding) -> Row:
    return {
        "feature": finding.feature,
        "snapshot_kind": finding.snapshot_kind,
        "relative_mean_shift": finding.shift.mean_shift,
        "capped_mean_shift": finding.shift.capped_shift,
        "psi": finding.shift.psi,
        "adjusted_p_value": finding.adjusted_p_value,
        "reference_count": finding.reference_count,
        "current_count": finding.current_count,
    }
