"""When a shift is an alert: it must be evident, and relevant beyond what chance explains."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
from scipy import stats

from ml.monitoring import drift
from ml.monitoring.findings import Finding, Window
from ml.monitoring.samples import PREDICTION, Sample
from ml.settings import Drift


class Watch:
    """The references of one model, ready to be compared with any later window."""

    def __init__(self, settings: Drift, samples: Iterable[Sample]) -> None:
        """Prepares every feature of every sample."""
        self._settings = settings
        self._samples = [(sample, _references(sample)) for sample in samples]
        self._known: dict[tuple[int, int, int], drift.Shift] = {}

    def windows(self, until: datetime) -> list[Window]:
        """Returns what is compared at a timestamp and may raise an alert."""
        windows = (self._window(*each, until) for each in self._samples)
        return [window for window in windows if window.features]

    def findings(self, until: datetime, *, watched_only: bool = False) -> list[Finding]:
        """Compares the windows that end at a timestamp with the references.

        Of several windows the one with the smallest p-value speaks for a feature, at the price of
        Bonferroni. P-values are then adjusted after Benjamini and Hochberg (1995) over all watched
        features, snapshot kinds and labels of the model. Where nothing has moved, any alert is
        raised with probability `significance` at most. What is sure to move is adjusted apart, it
        would ease the test of the others; with `watched_only` it is left out.
        """
        shifts, counts = [], []
        for sample, references in self._samples:
            window = self._window(sample, references, until)
            if not window.is_compared:
                continue
            rows = self._windows(sample, until)
            for name, reference in references.items():
                if name in window.unknown or (watched_only and not self._is_watched(name)):
                    continue
                shift, count = self._compare(reference, sample.recent[name], rows)
                shifts.append((name, sample.snapshot_kind, shift))
                counts.append((window.reference_count, count))
        watched = np.array([self._is_watched(name) for name, *_ in shifts], dtype=bool)
        p_values = np.array([shift.p_value for *_, shift in shifts], dtype=np.float64)
        adjusted = np.ones(len(shifts))
        for family in (watched, ~watched):
            adjusted[family] = stats.false_discovery_control(p_values[family])
        return [
            self._judge(*shift, bool(is_watched), float(evidence), *count)
            for shift, is_watched, evidence, count in zip(
                shifts, watched, adjusted, counts, strict=True
            )
        ]

    def _is_watched(self, feature: str) -> bool:
        # predictions move with every refit, whatever the projects do
        return feature != PREDICTION and feature not in self._settings.report_only

    def _window(
        self, sample: Sample, references: dict[str, drift.Reference], until: datetime
    ) -> Window:
        rows = self._windows(sample, until)[0]
        return Window(
            snapshot_kind=sample.snapshot_kind,
            features=tuple(name for name in sample.reference if self._is_watched(name)),
            reference_count=sample.reference_count,
            current_count=rows.stop - rows.start,
            needed_count=self._settings.min_entities,
            unknown=tuple(
                name
                for name, reference in references.items()
                if not reference.is_known
                and not drift.is_known(sample.recent[name][rows])
                and self._is_watched(name)
            ),
        )

    def _windows(self, sample: Sample, until: datetime) -> list[slice]:
        """Returns the recent windows, the longest first; on small platforms they are one."""
        found: list[slice] = []
        for days in self._settings.window_days:
            rows = sample.window(until, days, self._settings.min_entities)
            if rows not in found:
                found.append(rows)
        return found

    def _compare(
        self, reference: drift.Reference, recent: Any, windows: list[slice]
    ) -> tuple[drift.Shift, int]:
        shifts = [
            (self._compare_once(reference, recent, rows), rows.stop - rows.start)
            for rows in windows
        ]
        shift, count = min(shifts, key=lambda each: each[0].p_value)
        return shift._replace(p_value=min(1.0, len(windows) * shift.p_value)), count

    def _compare_once(self, reference: drift.Reference, recent: Any, rows: slice) -> drift.Shift:
        """Compares a window; on small platforms many weeks pass without a new row in it."""
        window = (id(reference), rows.start, rows.stop)
        if window not in self._known:
            self._known[window] = reference.compare(recent[rows], self._settings.bound_errors)
        return self._known[window]

    def _judge(
        self,
        feature: str,
        snapshot_kind: str,
        shift: drift.Shift,
        is_watched: bool,
        evidence: float,
        reference_count: int,
        current_count: int,
    ) -> Finding:
        settings = self._settings
        is_evident = is_watched and evidence <= settings.significance
        low = shift.capped_low
        return Finding(
            feature=feature,
            snapshot_kind=snapshot_kind,
            is_watched=is_watched,
            shift=shift,
            adjusted_p_value=evidence,
            reference_count=reference_count,
            current_count=current_count,
            is_relevant_by_mean=is_evident
            and low is not None
            and low > settings.capped_shift_threshold,
            is_relevant_by_psi=is_evident and shift.psi_low > settings.psi_threshold,
        )


def _references(sample: Sample) -> dict[str, drift.Reference]:
    if not sample.reference_count:
        return {}
    return {
        name: drift.Numbers(values) if name in sample.numbers else drift.Categories(values)
        for name, values in sample.reference.items()
    }
