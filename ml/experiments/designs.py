"""`designs.toml`: what was decided about an experiment before anybody saw its data."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    Strict,
    StrictFloat,
    StrictInt,
    with_config,
)

from ml import settings_file
from ml.errors import MlError
from ml.settings import Name
from ml.settings_file import CLOSED

DEFAULT_PATH = Path(__file__).with_name("designs.toml")

_DAY = timedelta(days=1)
_WEEK = 7  # days

Text = Annotated[str, Field(min_length=1)]


class DesignError(MlError):
    """There is no experiment with this design."""


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is registered before the start, and nobody may guess afterwards.

    Attributes:
        hypothesis: One sentence.
        salt: Of the assignment hash.
        base: Conversion per view without the treatment.
        lift: Its relative change by the treatment.
        power: Chance to find that lift.
        futility: Stopping is advised when the chance to still find it is below this.
        sample_ratio_alpha: Error of the sample-ratio check over all looks.
        min_weeks: Whole weeks of entry whose windows are over before a look is tested.
        min_population_share: Share of the registered population whose windows are over by then.
    """

    hypothesis: Text
    salt: Text
    base: Annotated[StrictFloat, Field(ge=1e-6, le=0.999999)]
    lift: Annotated[StrictFloat, Field(ge=1e-4, le=100)]
    power: Annotated[StrictFloat, Field(ge=0.5, le=0.999)]
    futility: Annotated[StrictFloat, Field(ge=0, le=0.5)]
    sample_ratio_alpha: Annotated[StrictFloat, Field(ge=1e-6, le=0.05)]
    min_weeks: Annotated[StrictInt, Field(ge=1, le=52)] = 1
    min_population_share: Annotated[StrictFloat, Field(ge=0, le=1)] = 0.5


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Rules:
    """How backers are counted and when they are looked at: what every design has.

    Attributes:
        view_days: Days from a backer's first view in which views count.
        conversion_days: Days from a view in which its pledge counts.
        pre_days: Days before the first view whose pledges are the covariate.
        look_days: Days from one interim analysis (look) to the next.
        alpha: Two-sided error over all looks.
        min_backers: In each arm, before a look counts.
    """

    view_days: Annotated[StrictInt, Field(ge=1, le=366)]
    conversion_days: Annotated[StrictInt, Field(ge=1, le=366)]
    pre_days: Annotated[StrictInt, Field(ge=1, le=3660)]
    look_days: Annotated[StrictInt, Field(ge=1, le=366)]
    alpha: Annotated[StrictFloat, Field(ge=1e-6, le=0.2)]
    min_backers: Annotated[StrictInt, Field(ge=2, le=1_000_000)]

    @property
    def window_days(self) -> int:
        """Days from a backer's first view until all that counts is known."""
        return self.view_days + self.conversion_days


@dataclass(frozen=True, kw_only=True)
class Design(Rules):
    """One experiment.

    Attributes:
        name: As in the exposures.
        arms: Weight by variant; the first is the control.
        starts_at: UTC, without a zone.
        enrol_days: Days in which backers enter.
        plan: None for an exploratory experiment.
    """

    name: str
    arms: dict[str, int]
    starts_at: datetime
    enrol_days: int
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
    def look_count(self) -> int:
        """Looks until the last backer's window is over."""
        return ceil((self.enrol_days + self.window_days) / self.look_days)

    @property
    def enrolling_look_count(self) -> int:
        """Looks until the last backer has entered."""
        return ceil(self.enrol_days / self.look_days)

    @property
    def min_entry_days(self) -> int:
        """Days of entry whose windows are over before a look is tested."""
        return _WEEK * self.plan.min_weeks if self.plan else 0

    @property
    def tested_look_count(self) -> int:
        """Looks from the one on at which the minimum run can be over."""
        first = ceil((self.window_days + self.min_entry_days) / self.look_days)
        return max(1, self.look_count - first + 1)

    def closed_entry_days(self, number: int) -> int:
        """Whole days of entry whose windows are over at a look."""
        days = number * self.look_days - self.window_days
        return min(max(days, 0), self.enrol_days)

    def look_at(self, number: int) -> datetime:
        """The timestamp of a look, counted from 1."""
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
    exploratory: Rules

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
        rules = replace(settings, view_days=window - settings.conversion_days)
        return Design(
            name=found.name,
            arms=dict.fromkeys(arms, 1),
            starts_at=starts_at,
            enrol_days=(found.last_at - starts_at) // _DAY + 1,
            plan=None,
            **asdict(rules),
        )


def _long_enough(given: "_Registered") -> "_Registered":
    if given.enrol_days < _WEEK * given.min_weeks:
        raise ValueError(f"must enrol for min_weeks = {given.min_weeks} weeks or longer")
    return given


def _two_or_more(arms: dict[str, int]) -> dict[str, int]:
    if len(arms) < 2:
        raise ValueError("must name two arms or more, the control first")
    return arms


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class _Registered(Plan, Rules):
    """One table `designs.<name>` of the file."""

    arms: Annotated[
        dict[str, Annotated[StrictInt, Field(ge=1, le=10_000)]], AfterValidator(_two_or_more)
    ]
    starts_at: Annotated[
        AwareDatetime,
        Strict(),
        Field(description="a timestamp with its zone, such as 2023-11-06T00:00:00Z"),
    ]
    enrol_days: Annotated[StrictInt, Field(ge=1, le=3660)]


class _File(BaseModel):
    model_config = CLOSED

    exploratory: Rules
    designs: dict[Name, Annotated[_Registered, AfterValidator(_long_enough)]]


def load(path: Path = DEFAULT_PATH) -> Designs:
    """Reads the file.

    Raises:
        SettingsError: The message names the file, the key and what it must be.
    """
    file = settings_file.read(path, _File)
    designs = {name: _design(name, each) for name, each in file.designs.items()}
    return Designs(designs, file.exploratory)


def _design(name: str, given: _Registered) -> Design:
    return Design(
        name=name,
        arms=given.arms,
        starts_at=given.starts_at.astimezone(UTC).replace(tzinfo=None),
        enrol_days=given.enrol_days,
        plan=Plan(**{each.name: getattr(given, each.name) for each in fields(Plan)}),
        **{each.name: getattr(given, each.name) for each in fields(Rules)},
    )
