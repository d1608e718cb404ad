"""When a shift is an alarm: it must be evident, and relevant beyond what chance explains."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ml.monitoring import drift
from ml.monitoring.samples import Sample
from ml.settings import Drift
from ml.warehouse import ModelRun


class Finding(NamedTuple):
    """What one feature at one clock did; `is_watched` tells whether it may raise an alarm."""

    feature: str
    clock: str
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

    clock: str
    before: float
    now: float
    reference_count: int
    current_count: int


class Alarm(NamedTuple):
    """A feature that moved; `since` is the first of an unbroken row of weeks that show it."""

    finding: Finding
    since: datetime
    cost: Cost | None


class Window(NamedTuple):
    """How many projects of a sample are compared, if they are enough."""

    clock: str
    features: tuple[str, ...]
    reference_count: int
    current_count: int
    is_compared: bool


class Monitored(NamedTuple):
    """What one model's features, predictions and labels did."""

    run: ModelRun
    windows: list[Window]
    alarms: list[Alarm]


class Watch:
    """The references of one model, ready to be compared with any later window."""

    def __init__(self, settings: Drift, samples: Iterable[Sample]) -> None:
        """Prepares every feature of every sample."""
        self._settings = settings
        self._samples = [(sample, _references(sample)) for sample in samples]
        self._z = drift.z_of(settings.significance)

    def windows(self, until: datetime) -> list[Window]:
        """Returns what is compared at a moment."""
        found = []
        for sample, _ in self._samples:
            rows = self._rows(sample, until)
            counts = len(sample.reference_projects), rows.stop - rows.start
            is_compared = min(counts) >= self._settings.min_entities
            found.append(Window(sample.clock, tuple(sample.reference), *counts, is_compared))
        return found

    def findings(self, until: datetime) -> list[Finding]:
        """Compares the window that ends at a moment with the references.

        Evidence is adjusted over all watched features, clocks, predictions and labels of the
        model. Apart from them, those that are sure to move: they would ease the test of the others.
        """
        shifts, counts = [], []
        for (sample, references), window in zip(self._samples, self.windows(until), strict=True):
            if not window.is_compared:
                continue
            rows = self._rows(sample, until)
            for name, reference in references.items():
                shifts.append(
                    (name, sample.clock, reference.compare(sample.recent[name][rows], self._z))
                )
                counts.append((window.reference_count, window.current_count))
        watched = np.array(
            [name not in self._settings.report_only for name, *_ in shifts], dtype=bool
        )
        p_values = np.array([shift.p_value for *_, shift in shifts], dtype=np.float64)
        adjusted = np.ones(len(shifts))
        for family in (watched, ~watched):
            adjusted[family] = drift.adjust(p_values[family])
        return [
            self._judge(*shift, bool(is_watched), float(evidence), *count)
            for shift, is_watched, evidence, count in zip(
                shifts, watched, adjusted, counts, strict=True
            )
        ]

    def _rows(self, sample: Sample, until: datetime) -> slice:
        return sample.window(until, self._settings.window_days, self._settings.min_entities)

    def _judge(
        self,
        feature: str,
        clock: str,
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
            clock=clock,
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
