"""Reads `bandit.toml`; every wrong key or value is named."""

import tomllib
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ml.settings import SettingsError

DEFAULT_PATH = Path(__file__).with_name("bandit.toml")
# The contract's values, in the order of every array of arms.
ARMS = ("equal_tranches", "front_loaded", "back_loaded", "holdback_20")


def _key(section: str, low: float, high: float) -> Any:
    return field(metadata={"section": section, "low": low, "high": high})


class Rules(NamedTuple):
    """What turns posteriors into shares; kept with every decision."""

    constant: float
    floor: float
    min_arm_rewards: int
    unproven_cap: float


@dataclass(frozen=True, slots=True)
class BanditSettings:
    """The settings as they stand in the file, which says what each is for.

    Attributes:
        followed_from: Launches from here on got the strategy that was chosen for them (UTC); None
            while the bandit is only watched.
    """

    seed: int = _key("", 0, 2**32 - 1)
    constant: float = _key("exploration", 0.001, 10)
    floor: float = _key("exploration", 0, 0.005)
    min_rewards: int = _key("start", 1, 1_000_000)
    prior_weight: float = _key("start", 2, 1000)
    history_weight: float = _key("start", 0, 10_000)
    min_arm_rewards: int = _key("guard_rails", 1, 1_000_000)
    unproven_cap: float = _key("guard_rails", 0.001, 0.25)
    stale_after_days: int = _key("guard_rails", 1, 365)
    min_decisions: int = _key("evaluation", 2000, 10_000_000)
    min_propensity: float = _key("evaluation", 0.025, 0.25)
    min_effective_size: float = _key("evaluation", 50, 10_000_000)
    followed_from: datetime | None = None

    @property
    def rules(self) -> Rules:
        """Returns what a decision depends on beside the posteriors."""
        return Rules(self.constant, self.floor, self.min_arm_rewards, self.unproven_cap)


def load(path: Path) -> BanditSettings:
    """Reads and checks the file.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    try:
        values = _flat(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML ({error})") from error
    moment = values.pop("evaluation.followed_from", None)
    known = {
        ".".join(filter(None, (item.metadata["section"], item.name))): item
        for item in fields(BanditSettings)
        if item.metadata
    }
    for name in values:
        if name not in known:
            raise SettingsError(f"{path}: {name} is unknown; known here: {', '.join(known)}")
    for name in known:
        if name not in values:
            raise SettingsError(f"{path}: {name} is missing")
    numbers: dict[str, Any] = {
        item.name: _number(path, name, item, values[name]) for name, item in known.items()
    }
    return BanditSettings(**numbers, followed_from=_moment(path, moment))


def _flat(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _number(path: Path, name: str, item: Any, value: Any) -> float:
    low, high = item.metadata["low"], item.metadata["high"]
    kinds = (int,) if item.type is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "whole number" if item.type is int else "number"
        raise SettingsError(
            f"{path}: {name} must be a {kind} from {low:g} to {high:g}, not {value!r}"
        )
    return value if item.type is int else float(value)


def _moment(path: Path, value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise SettingsError(
            f"{path}: evaluation.followed_from must be a moment such as 2024-06-01T00:00:00,"
            f" not {value!r}"
        )
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
