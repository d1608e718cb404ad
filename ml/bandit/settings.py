"""The settings of the bandit, as `bandit.toml` gives them."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, Field, Strict, StrictFloat, StrictInt, with_config

from ml import settings_file
from ml.settings_file import CLOSED

DEFAULT_PATH = Path(__file__).with_name("bandit.toml")
# The contract's values, in the order of every array of arms.
ARMS = ("equal_tranches", "front_loaded", "back_loaded", "holdback_20")


def _in_utc(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC).replace(tzinfo=None) if value and value.tzinfo else value


class Rules(NamedTuple):
    """What turns posteriors into shares; kept with every decision."""

    constant: float
    floor: float
    min_arm_rewards: int
    unproven_cap: float


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Section `exploration` of the file, which says what each key is for.

    Attributes:
        constant: Of the chance of a uniform choice, constant / t at the t-th decision.
        min_propensity: Smallest chance that any strategy gets, and with which a log is valued.
    """

    constant: Annotated[StrictFloat, Field(ge=0.001, le=10)]
    min_propensity: Annotated[StrictFloat, Field(ge=0.025, le=0.25)]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Start:
    """Section `start`."""

    min_rewards: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    prior_weight: Annotated[StrictFloat, Field(ge=2, le=1000)]
    history_weight: Annotated[StrictFloat, Field(ge=0, le=10_000)]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class GuardRails:
    """Section `guard_rails`."""

    min_arm_rewards: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    unproven_cap: Annotated[StrictFloat, Field(ge=0.025, le=0.25)]
    stale_after_days: Annotated[StrictInt, Field(ge=1, le=365)]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Section `evaluation`.

    Attributes:
        followed_from: Launches from here on got the strategy that was chosen for them (UTC); None
            while the bandit only suggests.
    """

    min_decisions: Annotated[StrictInt, Field(ge=2000, le=10_000_000)]
    min_effective_size: Annotated[StrictFloat, Field(ge=50, le=10_000_000)]
    followed_from: Annotated[
        datetime | None,
        Strict(),
        AfterValidator(_in_utc),
        Field(description="a timestamp such as 2024-06-01T00:00:00"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class BanditSettings(Evaluation, GuardRails, Start, Exploration):
    """All settings; no section has a key of another one."""

    seed: int

    @property
    def rules(self) -> Rules:
        """Returns what a decision depends on beside the posteriors."""
        floor = len(ARMS) * self.min_propensity
        return Rules(self.constant, floor, self.min_arm_rewards, self.unproven_cap)


class _File(BaseModel):
    model_config = CLOSED

    seed: Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]
    exploration: Exploration
    start: Start
    guard_rails: GuardRails
    evaluation: Evaluation


def load(path: Path) -> BanditSettings:
    """Reads and checks the file.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    file = settings_file.read(path, _File)
    return BanditSettings(
        seed=file.seed,
        **asdict(file.exploration),
        **asdict(file.start),
        **asdict(file.guard_rails),
        **asdict(file.evaluation),
    )
