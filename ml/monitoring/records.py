"""What the monitor found, as rows of schema `ml`; an unchanged measurement adds none."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from ml.context import RunContext
from ml.modeling.registry import ModelRun
from ml.monitoring import summary
from ml.monitoring.findings import (
    DRIFT,
    LEVEL,
    NO_DRIFT,
    NOT_TESTED,
    Alert,
    Calibration,
    Cost,
    Finding,
    Monitored,
    Week,
)
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
            alerts = result.alerts_in(window)
            tested = DRIFT if alerts else NO_DRIFT
            rows.append(
                {
                    "snapshot_kind": window.snapshot_kind,
                    "subject": window.subject,
                    "status": tested if window.is_compared else NOT_TESTED,
                    "reason": window.skip_reason,
                    "feature_count": len(window.features) - len(window.unknown),
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
        of_model = {"model_status": result.status, "model_summary": summary.outcome(result)}
        self._add("drift_checks", as_of, [row | of_model for row in rows], ("model_name",))

    def add_findings(
        self,
        settings: Drift,
        as_of: datetime,
        findings: Iterable[Finding | Calibration],
        costs: Iterable[Cost],
    ) -> None:
        """Adds one row per feature, snapshot kind and statistic.

        Beside them the accuracy expected now, and how far it is from what was expected at first.
        """
        rows: list[Row] = []
        for finding in findings:
            if isinstance(finding, Finding):
                rows += _statistics(settings, finding)
            else:
                rows += _calibration(settings, finding)
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

    def add_replays(self, as_of: datetime, weeks: Mapping[datetime, Week]) -> None:
        """Adds one row per earlier week, watched feature and snapshot kind, tested or not."""
        rows = [
            {"week_at": monday, **row}
            for monday, week in weeks.items()
            for row in (*_tested(week), *_untested(week))
        ]
        self._add("drift_replays", as_of, rows, ("model_name", "week_at"))

    def add_alerts(self, as_of: datetime, alerts: Iterable[Alert]) -> None:
        """Adds one row per feature and snapshot kind that drifted, explained in a sentence."""
        rows = [
            {
                **_summary(alert.finding),
                "since_at": alert.since,
                "expected_accuracy": alert.cost.now if alert.cost else None,
                "expected_accuracy_change": (
                    alert.cost.now - alert.cost.before if alert.cost else None
                ),
                "words": summary.sentence(alert),
            }
            for alert in alerts
        ]
        self._add("drift_alarms", as_of, rows, ("model_name",))

    def _add(self, table: str, as_of: datetime, rows: list[Row], key: tuple[str, ...]) -> None:
        if not rows:
            return
        stamp = self._model | self._measurement | {"as_of": as_of}
        found = pa.Table.from_pylist([stamp | row for row in rows])
        self._warehouse.record(table, found, key=key, made_at="measured_at")


def _tested(week: Week) -> Iterator[Row]:
    for finding in week.findings:
        if isinstance(finding, Calibration) or finding.is_watched:
            yield {**_summary(finding), "is_alert": finding.is_alert}


def _untested(week: Week) -> Iterator[Row]:
    """Rows without a verdict: without them an earlier one of the same week would stay."""
    figures = ("relative_mean_shift", "capped_mean_shift", "psi", "adjusted_p_value", "is_alert")
    for window in week.windows:
        for feature in window.untested:
            yield {
                "feature": feature,
                "snapshot_kind": window.snapshot_kind,
                **dict.fromkeys(figures),
                "reference_count": window.reference_count,
                "current_count": window.current_count,
            }


def _calibration(settings: Drift, finding: Calibration) -> Iterator[Row]:
    figures: list[tuple[str, float | None, float | None, float | None]]
    if finding.feature == LEVEL:
        low, limit = finding.value_low, settings.level_threshold
        figures = [
            ("observed_minus_predicted", finding.value, low, limit),
            ("mean_predicted_probability", finding.predicted, None, None),
            ("observed_share", finding.observed, None, None),
        ]
    else:
        figures = [("slope", finding.value, None, settings.slope_threshold)]
    figures.append(("e_value", finding.e_value, None, 1 / settings.outcome_significance))
    for place, (statistic, value, value_low, threshold) in enumerate(figures):
        yield {
            "feature": finding.feature,
            "snapshot_kind": finding.snapshot_kind,
            "statistic": statistic,
            "value": value,
            "value_low": value_low,
            "threshold": threshold,
            "p_value": finding.adjusted_p_value,
            "adjusted_p_value": finding.adjusted_p_value,
            "reference_count": finding.reference_count,
            "current_count": finding.current_count,
            "is_alert": finding.is_alert and place == 0,
        }


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


def _summary(finding: Finding | Calibration) -> Row:
    shift = finding.shift if isinstance(finding, Finding) else None
    return {
        "feature": finding.feature,
        "snapshot_kind": finding.snapshot_kind,
        "relative_mean_shift": shift and shift.mean_shift,
        "capped_mean_shift": shift and shift.capped_shift,
        "psi": shift and shift.psi,
        "adjusted_p_value": finding.adjusted_p_value,
        "reference_count": finding.reference_count,
        "current_count": finding.current_count,
    }
