"""Reads `designs.toml`: what was decided about an experiment before anybody saw its data."""

import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from ml.errors import MlError

DEFAULT_PATH = Path(__file__).with_name("designs.toml")

_DAY = timedelta(days=1)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# key -> lowest, highest; whole numbers have whole bounds
_SHARED = {
    "view_days": (1, 366),
    "conversion_days": (1, 366),
    "pre_days": (1, 3660),
    "look_days": (1, 366),
    "alpha": (1e-6, 0.2),
    "fewest_backers": (2, 1_000_000),
}
_PLANNED = {
    "base": (1e-6, 0.999999),
    "lift": (1e-4, 100.0),
    "power": (0.5, 0.999),
    "futility": (0.0, 0.5),
    "sample_ratio_alpha": (1e-6, 0.05),
}


class DesignError(MlError):
    """`designs.toml` cannot be used as it is, or has no such design."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is registered before the start, and nobody may guess afterwards.

    Attributes:
        hypothesis: In words.
        salt: Of the assignment hash.
        base: Conversion per view without the treatment.
        lift: Its relative change by the treatment.
        power: Chance to find that lift.
        futility: Stopping is advised when the chance to still find it is below this.
        sample_ratio_alpha: Error of the sample-ratio check over all looks.
    """

    hypothesis: str
    salt: str
    base: float
    lift: float
    power: float
    futility: float
    sample_ratio_alpha: float


@dataclass(frozen=True, slots=True)
class Design:
    """One experiment.

    Attributes:
        name: As in the exposures.
        arms: Weight by variant; the first is the control.
        starts_at: UTC, without a zone.
        enrol_days: Days in which backers enter.
        view_days: Days from a backer's first view in which views count.
        conversion_days: Days from a view in which its pledge counts.
        pre_days: Days before the first view whose pledges are the covariate.
        look_days: Days from look to look.
        alpha: Two-sided error over all looks.
        fewest_backers: In each arm, before a look counts.
        plan: None for an exploratory experiment.
    """

    name: str
    arms: dict[str, int]
    starts_at: datetime
    enrol_days: int
    view_days: int
    conversion_days: int
    pre_days: int
    look_days: int
    alpha: float
    fewest_backers: int
    plan: Plan | None

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return next(iter(self.arms))

    @property
    def treatments(self) -> tuple[str, ...]:
        """All other arms."""
        return tuple(self.arms)[1:]

    @property
    def window_days(self) -> int:
        """Days from a backer's first view until all that counts is known."""
        return self.view_days + self.conversion_days

    @property
    def look_count(self) -> int:
        """Looks until the last backer's window is over."""
        return ceil((self.enrol_days + self.window_days) / self.look_days)

    @property
    def enrolling_look_count(self) -> int:
        """Looks until the last backer has entered."""
        return ceil(self.enrol_days / self.look_days)

    @property
    def tested_look_count(self) -> int:
        """Looks at which the window of some backer can be over."""
        return max(1, self.look_count - self.window_days // self.look_days)

    def look_at(self, number: int) -> datetime:
        """The moment of a look, counted from 1."""
        return self.starts_at + timedelta(days=number * self.look_days)


class Experiment(NamedTuple):
    """One experiment as found in the exposures.

    Attributes:
        name: As in the exposures.
        variants: Sorted.
        first_at: First exposure.
        last_at: Last exposure.
        half_at: When half of the backers had been seen for the first time.
    """

    name: str
    variants: list[str]
    first_at: datetime
    last_at: datetime
    half_at: datetime


@dataclass(frozen=True, slots=True)
class Designs:
    """All of `designs.toml`: registered designs by name, and settings for the others."""

    registered: dict[str, Design]
    exploratory: Design

    def of(self, found: Experiment, as_of: datetime) -> Design:
        """Returns the registered design, or an exploratory one that fits the data.

        Its window is the largest whole number of days, at most the one in the settings, with which
        the windows of half of the backers are over. Its last look is at `as_of`, or at the midnight
        after the last window.
        """
        if found.name in self.registered:
            return self.registered[found.name]
        settings = self.exploratory
        fitting = max((as_of - found.half_at) // _DAY, settings.conversion_days + 1)
        window = min(fitting, settings.window_days)
        closed = found.last_at.replace(hour=0, minute=0, second=0, microsecond=0)
        ends_at = min(as_of, closed + (1 + window) * _DAY)
        looks = -((found.first_at - ends_at) // (settings.look_days * _DAY))
        starts_at = ends_at - looks * settings.look_days * _DAY
        arms = sorted(found.variants, key=lambda variant: (variant != "control", variant))
        return replace(
            settings,
            name=found.name,
            arms=dict.fromkeys(arms, 1),
            starts_at=starts_at,
            enrol_days=(found.last_at - starts_at) // _DAY + 1,
            view_days=window - settings.conversion_days,
        )


def load(path: Path = DEFAULT_PATH) -> Designs:
    """Reads the file.

    Raises:
        DesignError: The message names the file, the key and what it must be.
    """
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DesignError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DesignError(f"{path}: is not valid TOML ({error})") from error
    file = _Table(path, "", text)
    file.only("exploratory", "designs")
    designs = file.table("designs")
    return Designs(
        {name: _design(name, designs.table(name)) for name in designs.values},
        _exploratory(file.table("exploratory")),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    path: Path
    key: str
    values: dict[str, Any]

    def error(self, key: str, problem: str) -> DesignError:
        return DesignError(f"{self.path}: {self.key}{key} {problem}")

    def only(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(key, f"is unknown; known here: {', '.join(known)}")

    def take(self, key: str, kind: type, words: str) -> Any:
        value = self.values.get(key)
        if not isinstance(value, kind) or isinstance(value, bool) or value in ("", {}):
            raise self.error(key, f"must be {words}, not {value!r}")
        return value

    def table(self, key: str) -> "_Table":
        return _Table(self.path, f"{self.key}{key}.", self.take(key, dict, "a table"))

    def number(self, key: str, low: float, high: float) -> Any:
        kind, words = (int, "whole number") if isinstance(low, int) else (int | float, "number")
        value = self.values.get(key, "nothing")
        if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"must be a {words} from {low} to {high}, not {value!r}")
        return value

    def numbers(self, bounds: dict[str, tuple[float, float]]) -> dict[str, Any]:
        return {key: self.number(key, *limits) for key, limits in bounds.items()}


def _exploratory(table: _Table) -> Design:
    table.only(*_SHARED)
    return Design(
        name="", arms={}, starts_at=datetime.min, enrol_days=0, plan=None, **table.numbers(_SHARED)
    )


def _design(name: str, table: _Table) -> Design:
    table.only("hypothesis", "salt", "arms", "starts_at", "enrol_days", *_SHARED, *_PLANNED)
    if not _NAME.fullmatch(name):
        raise table.error("", "must be a lower-case name")
    starts_at: datetime = table.take("starts_at", datetime, "a moment with its zone")
    if starts_at.tzinfo is None:
        raise table.error("starts_at", "must have a zone, such as Z for UTC")
    arms = table.table("arms")
    if len(arms.values) < 2:
        raise table.error("arms", "must name two arms or more, the control first")
    return Design(
        name=name,
        arms={arm: arms.number(arm, 1, 10_000) for arm in arms.values},
        starts_at=starts_at.astimezone(UTC).replace(tzinfo=None),
        enrol_days=table.number("enrol_days", 1, 3660),
        plan=Plan(
            hypothesis=table.take("hypothesis", str, "a text"),
            salt=table.take("salt", str, "a text"),
            **table.numbers(_PLANNED),
        ),
        **table.numbers(_SHARED),
    )
