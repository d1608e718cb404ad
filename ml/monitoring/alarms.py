"""When a shift is an alarm: it must be evident, and relevant beyond what chance explains."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import numpy as np
from scipy import stats

from ml.modeling.registry import ModelRun
from ml.monitoring import drift
from ml.monitoring.samples import MATURED, PREDICTION, Sample
from ml.settings import Drift


class Finding(NamedTuple):
    """One feature at one snapshot kind; `is_watched` says whether it may raise an alarm."""

    feature: str
    snapshot_kind: str
    is_watched: bool
    shift: drift.Shift
    adjusted_p_value: float
    reference_count: int
    current_count: int
    is_relevant_by_mean: bool
    is_relevant_by_psi: bool

    @property
    def is_alert(self) -> bool:
        """Whether the shift is evident and relevant."""
        return self.is_relevant_by_mean or self.is_relevant_by_psi


class Cost(NamedTuple):
    """Accuracy that the model's own probabilities expect: of its first window, and now.

    An estimate that needs no outcome, and so cannot see that features mean something else now.
    """

    snapshot_kind: str
    before: float
    now: float
    reference_count: int
    current_count: int


class Alarm(NamedTuple):
    """A feature that moved; `since` is the first of an unbroken row of weeks that show it."""

    finding: Finding
    since: datetime
    cost: Cost | None


DRIFT, NO_DRIFT, NOT_TESTED = "drift detected", "no drift detected", "not tested"


class Window(NamedTuple):
    """How many projects of a sample are compared, if they are enough.

    `features` are those that may raise an alarm.
    """

    snapshot_kind: str
    features: tuple[str, ...]
    reference_count: int
    current_count: int
    needed_count: int

    @property
    def is_compared(self) -> bool:
        """Whether both windows hold enough projects."""
        return min(self.reference_count, self.current_count) >= self.needed_count

    @property
    def subject(self) -> str:
        """What is compared: features, predictions or outcomes."""
        if self.snapshot_kind == MATURED:
            return "outcomes"
        return "predictions" if self.features == (PREDICTION,) else "features"

    @property
    def skip_reason(self) -> str | None:
        """Returns what is missing for a test; None when nothing is."""
        if self.is_compared:
            return None
        if self.current_count <= self.reference_count:
            return f"{self.current_count:,} of {self.needed_count:,} projects needed"
        return f"{self.reference_count:,} of {self.needed_count:,} reference projects needed"


class Monitored(NamedTuple):
    """What one model's features, predictions and labels did."""

    run: ModelRun
    windows: list[Window]
    alarms: list[Alarm]

    @property
    def status(self) -> str:
        """DRIFT, NO_DRIFT or NOT_TESTED."""
        if self.alarms:
            return DRIFT
        is_tested = any(window.is_compared for window in self.windows)
        return NO_DRIFT if is_tested else NOT_TESTED

    @property
    def skip_reason(self) -> str | None:
        """Returns why nothing at all was tested; None when something was."""
        if self.status != NOT_TESTED:
            return None
        if not self.windows:
            return f"there is no model: {self.run.reason}"
        nearest = max(self.windows, key=lambda each: min(each.reference_count, each.current_count))
        return nearest.skip_reason

    @property
    def tested_features(self) -> set[str]:
        """Names of what was tested, at whichever kind of snapshot."""
        return {name for each in self.windows if each.is_compared for name in each.features}

    def alarms_in(self, window: Window) -> int:
        """Returns how many of the window's features alarmed."""
        return sum(
            alarm.finding.snapshot_kind == window.snapshot_kind
            and alarm.finding.feature in window.features
            for alarm in self.alarms
        )


class Watch:
    """The references of one model, ready to be compared with any later window."""

    def __init__(self, settings: Drift, samples: Iterable[Sample]) -> None:
        """Prepares every feature of every sample."""
        self._settings = settings
        self._samples = [(sample, _references(sample)) for sample in samples]
        self._z = drift.z_of(settings.significance)

    def windows(self, until: datetime) -> list[Window]:
        """Returns what is compared at a timestamp."""
        found = []
        for sample, _ in self._samples:
            rows = self._rows(sample, until)
            counts = len(sample.reference_projects), rows.stop - rows.start
            names = tuple(each for each in sample.reference if self._is_watched(each))
            found.append(Window(sample.snapshot_kind, names, *counts, self._settings.min_entities))
        return found

    def findings(self, until: datetime) -> list[Finding]:
        """Compares the window that ends at a timestamp with the references.

        P-values are adjusted after Benjamini and Hochberg (1995) over all watched features,
        snapshot kinds, predictions and labels of the model. Where nothing has moved, any alarm is
        raised with probability `significance` at most. Features that are sure to move are adjusted
        apart: they would ease the test of the others.
        """
        shifts, counts = [], []
        for (sample, references), window in zip(self._samples, self.windows(until), strict=True):
            if not window.is_compared:
                continue
            rows = self._rows(sample, until)
            for name, reference in references.items():
                shifts.append(
                    (
                        name,
                        sample.snapshot_kind,
                        reference.compare(sample.recent[name][rows], self._z),
                    )
                )
                counts.append((window.reference_count, window.current_count))
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
        return feature not in self._settings.report_only

    def _rows(self, sample: Sample, until: datetime) -> slice:
        return sample.window(until, self._settings.window_days, self._settings.min_entities)

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
    if not len(sample.reference_projects):
        return {}
    return {
        name: drift.Numbers(values) if name in sample.numbers else drift.Categories(values)
        for name, values in sample.reference.items()
    }
