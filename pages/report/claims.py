"""The claim check: no accuracy without prediction time, majority guess, interval, best known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pages.published import ALL_KINDS, ORACLE, PagesError

Interval = tuple[float, float]


class ClaimError(PagesError):
    """An accuracy was about to be printed without what makes it mean something."""


class Unknown(NamedTuple):
    """Why a figure is not there, as it is printed."""

    text: str


NO_INTERVAL = Unknown("interval not defined")
NO_CEILING = Unknown("best achievable accuracy unknown")


@dataclass(frozen=True, slots=True)
class Claim:
    """An accuracy that passed the check; figures are shares of one."""

    accuracy: float
    snapshot_kind: str
    base_rate: float | Unknown
    interval: Interval | Unknown
    ceiling: float | Unknown
    measure: str
    source: str | None
    is_oracle: bool

    @property
    def figure(self) -> str:
        """The accuracy and its interval."""
        value = f"{100 * self.accuracy:.1f} %"
        if isinstance(self.interval, Unknown):
            return value
        return f"{value} [{', '.join(f'{100 * end:.1f}' for end in self.interval)}]"

    @property
    def terms(self) -> str:
        """What belongs to the figure: whoever quotes it should quote these."""
        kind = self.snapshot_kind
        ceiling = "best achievable" + (" knowing the true probability" if self.is_oracle else "")
        return ", ".join([
            "all prediction times" if kind == ALL_KINDS else f"at {kind}",
            *([self.interval.text] if isinstance(self.interval, Unknown) else []),
            _share(self.majority_guess, "majority guess"),
            # that it is unknown stands once on the page
            *([] if isinstance(self.ceiling, Unknown) else [_share(self.ceiling, ceiling)]),
            *([self.source] if self.source else []),
        ])  # fmt: skip

    @property
    def majority_guess(self) -> float | Unknown:
        """The accuracy of always guessing the more frequent class."""
        if isinstance(self.base_rate, Unknown):
            return self.base_rate
        return max(self.base_rate, 1 - self.base_rate)

    @property
    def text(self) -> str:
        """The whole claim as plain text."""
        return f"{self.figure} ({self.terms})"


def claim(
    accuracy: float,
    *,
    snapshot_kind: str,
    base_rate: float | Unknown | None,
    interval: Interval | Unknown | None,
    ceiling: float | Unknown | None,
    measure: str = "accuracy",
    source: str | None = None,
    is_oracle: bool = False,
) -> Claim:
    """Returns an accuracy that may be printed; the only way to get one onto a page.

    Args:
        accuracy: Share of right predictions.
        snapshot_kind: The prediction time.
        base_rate: Share of positive outcomes among the same rows; only what others have published
            may lack it, and then says so.
        interval: Ends of the 95 % interval, or why there is none.
        ceiling: The best achievable accuracy on the same rows, or why it is not known.
        measure: `accuracy`, or `expected_accuracy` under the true probability.
        source: Who published it, if it was not measured in this run.
        is_oracle: Whether the ceiling is that of the true probability, which no feature holds;
            otherwise it is that of the same features.

    Raises:
        ClaimError: A part is missing or is no share; the message names it.
    """
    parts = {"snapshot kind": snapshot_kind or None, "base rate": base_rate, "interval": interval,
             "ceiling": ceiling}  # fmt: skip
    for name, part in parts.items():
        if part is None:
            raise ClaimError(f"an accuracy at {snapshot_kind or 'no snapshot kind'} has no {name}")
    if isinstance(base_rate, Unknown) and source is None:
        raise ClaimError(f"an accuracy measured at {snapshot_kind} must have its base rate")
    ends = () if isinstance(interval, Unknown) or interval is None else interval
    for share in (accuracy, base_rate, *ends, ceiling):
        if not isinstance(share, Unknown | None) and not 0 <= share <= 1:
            raise ClaimError(
                f"an accuracy at {snapshot_kind} comes with {share}, which is no share"
            )
    assert base_rate is not None
    assert interval is not None
    assert ceiling is not None
    return Claim(accuracy, snapshot_kind, base_rate, interval, ceiling, measure, source, is_oracle)


class Measured(NamedTuple):
    """One row of `ml.model_metrics`."""

    value: float
    low: float | None
    high: float | None
    row_count: int
    base_rate: float


Place = tuple[str, str, str]  # split, kind of snapshot, metric


class Scores:
    """What was measured of one predictor; its accuracies come out as claims only."""

    def __init__(self, predictor: str, rows: Mapping[Place, Measured]) -> None:
        """Takes the rows of one `model_version` of `ml.model_metrics`."""
        self.predictor = predictor
        self._rows = rows

    def figure(self, split: str, kind: str, metric: str) -> Measured | None:
        """Returns a metric other than an accuracy; None where it is not defined.

        How far an accuracy lies above the ceiling is no accuracy.

        Raises:
            ClaimError: An accuracy was asked for.
        """
        if metric.endswith("accuracy"):
            raise ClaimError(f"{metric} of {self.predictor} was asked for without a claim")
        return self._rows.get((split, kind, metric))

    def kinds(self, split: str) -> set[str]:
        """Returns the kinds of snapshot that were measured in a split."""
        return {kind for found, kind, _ in self._rows if found == split}

    def has(self, split: str, kind: str, metric: str) -> bool:
        """Says whether a metric is defined."""
        return (split, kind, metric) in self._rows

    def claim(
        self, split: str, kind: str, ceilings: Sequence["Scores"], metric: str = "accuracy"
    ) -> Claim | None:
        """Returns an accuracy with all that belongs to it; None where it was not measured.

        The ceiling is the same metric of the first of `ceilings` that was measured on as many rows.
        """
        row = self._rows.get((split, kind, metric))
        if row is None:
            return None
        same = [other._rows.get((split, kind, metric)) for other in ceilings]
        known = [
            (each.value, other.predictor == ORACLE)
            for other, each in zip(ceilings, same, strict=True)
            if each and each.row_count == row.row_count
        ]
        ceiling, is_oracle = known[0] if known else (NO_CEILING, False)
        is_defined = row.low is not None and row.high is not None
        return claim(
            row.value,
            snapshot_kind=kind,
            base_rate=row.base_rate,
            interval=(row.low, row.high) if is_defined else NO_INTERVAL,  # type: ignore[arg-type]
            ceiling=ceiling,
            measure=metric,
            is_oracle=is_oracle,
        )


def _share(value: float | Unknown, name: str) -> str:
    if isinstance(value, Unknown):
        return value.text
    return f"{name} {100 * value:.1f} %"
