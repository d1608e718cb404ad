"""What the monitor finds: shifts, miscalibration, alerts, and what could not be tested."""

from datetime import datetime
from typing import NamedTuple

from ml.modeling.registry import ModelRun
from ml.monitoring import drift
from ml.monitoring.samples import MATURED

LEVEL, SLOPE = "calibration_level", "calibration_slope"


class Finding(NamedTuple):
    """One feature at one snapshot kind; `is_watched` says whether it may raise an alert."""

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


class Calibration(NamedTuple):
    """One figure of matured predictions against outcomes, of one snapshot kind.

    Attributes:
        feature: LEVEL or SLOPE.
        snapshot_kind: Of the predictions, one per project.
        value: Observed share minus mean probability, or the calibration slope (Cox, 1958); None
            where it is not defined. Like the next four of the recent window.
        value_low: The lower bound of its size, by `bound_errors`; None for the slope.
        predicted: Mean probability.
        observed: Share of positive outcomes.
        current_count: Projects whose outcome matured in the window.
        reference_count: All that matured since the cut: the evidence is of these.
        e_value: Evidence against "the probabilities are right": see `outcomes`.
        is_alert: Whether it is evident and relevant.
    """

    feature: str
    snapshot_kind: str
    value: float | None
    value_low: float | None
    predicted: float
    observed: float
    current_count: int
    reference_count: int
    e_value: float
    is_alert: bool

    @property
    def adjusted_p_value(self) -> float:
        """Returns a p-value that is valid however often one has looked."""
        return min(1.0, 1 / self.e_value)


class Cost(NamedTuple):
    """Accuracy that the model's own probabilities expect: of its first window, and now.

    An estimate that needs no outcome, and so cannot see that features mean something else now.
    """

    snapshot_kind: str
    before: float
    now: float
    reference_count: int
    current_count: int


class Alert(NamedTuple):
    """What moved or is off; `since` is the first of an unbroken row of weeks that show it."""

    finding: Finding | Calibration
    since: datetime
    cost: Cost | None


DRIFT, NO_DRIFT, NOT_TESTED = "drift detected", "no drift detected", "not tested"
FEATURES_NOT_TESTED = f"features {NOT_TESTED}"  # of a model without drift in what was tested


class Window(NamedTuple):
    """How many projects of a sample are compared, if they are enough.

    `features` are those that may raise an alert; of them `unknown` have no known value in either.
    """

    snapshot_kind: str
    features: tuple[str, ...]
    reference_count: int
    current_count: int
    needed_count: int
    unknown: tuple[str, ...] = ()

    @property
    def untested(self) -> tuple[str, ...]:
        """Names of the features that are not tested."""
        return self.unknown if self.is_compared else self.features

    @property
    def is_compared(self) -> bool:
        """Whether both windows hold enough projects."""
        return min(self.reference_count, self.current_count) >= self.needed_count

    @property
    def subject(self) -> str:
        """What is compared: features, outcomes, or outcomes with predictions."""
        if LEVEL in self.features:
            return "calibration"
        if self.snapshot_kind == MATURED:
            return "outcomes"
        return "features"

    @property
    def skip_reason(self) -> str | None:
        """Returns why features are not tested; None when all are."""
        if self.is_compared and self.unknown:
            return f"not tested, unknown in both windows: {', '.join(self.unknown)}"
        if self.is_compared:
            return None
        if self.current_count <= self.reference_count:
            return f"{self.current_count:,} of {self.needed_count:,} projects needed"
        return f"{self.reference_count:,} of {self.needed_count:,} reference projects needed"


class Week(NamedTuple):
    """What the monitor finds at a timestamp, and what it compares."""

    findings: list[Finding | Calibration]
    windows: list[Window]


class Monitored(NamedTuple):
    """What one model's features, predictions and labels did."""

    run: ModelRun
    windows: list[Window]
    alerts: list[Alert]

    @property
    def status(self) -> str:
        """DRIFT, NO_DRIFT, FEATURES_NOT_TESTED or NOT_TESTED."""
        if self.alerts:
            return DRIFT
        if not any(window.is_compared for window in self.windows):
            return NOT_TESTED
        return NO_DRIFT if self.tested_features else FEATURES_NOT_TESTED

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
        """Names of the features that were tested, at whichever kind of snapshot."""
        return {
            name
            for each in self.windows
            if each.subject == "features"
            for name in {*each.features} - {*each.untested}
        }

    def alerts_in(self, window: Window) -> int:
        """Returns how many of the window's features raised one."""
        return sum(
            alert.finding.snapshot_kind == window.snapshot_kind
            and alert.finding.feature in window.features
            for alert in self.alerts
        )
