"""Reads `models.toml`; every wrong key or value is named."""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml.errors import MlError

DEFAULT_PATH = Path(__file__).with_name("models.toml")
ENTITIES = ("project", "milestone")
ESTIMATORS = ("random_forest", "gradient_boosting", "logistic_regression")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Keys and moments of a row, and what it is about: as features they would only be memorised.
_NO_FEATURES = ("project_id", "milestone_id", "snapshot_kind", "snapshot_at", "is_decided")


class SettingsError(MlError):
    """`models.toml` cannot be used as it is."""


@dataclass(frozen=True, slots=True)
class Features:
    """The columns that a model reads, in the order in which it reads them."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, numbers first."""
        return self.numeric + self.categorical


@dataclass(frozen=True, slots=True)
class Split:
    """Where the cut lies, and how much it takes to train at all.

    Attributes:
        train_share: Share of the labelled entities whose project was launched by the cut.
        min_entities: Fewest entities in training.
        min_rarer_class: Fewest entities of the rarer class in training.
        max_train_projects: Most projects in training; more are sampled.
        max_test_projects: Most projects that a model is judged on; more are sampled.
        calibration_shares: Earlier cuts inside the training window, as shares of its projects: what
            a model fitted up to each of them says about the stretch to the next one calibrates.
    """

    train_share: float
    min_entities: int
    min_rarer_class: int
    max_train_projects: int
    max_test_projects: int
    calibration_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """What counts as a shift of a feature between training and now.

    Attributes:
        clocks: Kinds of snapshot that are compared.
        window_days: Length of the recent window.
        min_entities: Fewest projects in either window.
        mean_shift_threshold: The customary rule on the relative shift of the mean; only shown.
        capped_shift_threshold: What the relative shift of the capped mean must exceed for sure.
        psi_threshold: What the population stability index must exceed for sure.
        significance: Largest adjusted p-value that counts as evidence; also how sure is sure.
        report_only: Features that are shown but never alarmed.
    """

    clocks: tuple[str, ...]
    window_days: int
    min_entities: int
    mean_shift_threshold: float
    capped_shift_threshold: float
    psi_threshold: float
    significance: float
    report_only: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model of `models.toml`, made by its default estimator.

    Attributes:
        rule_feature: The one feature of the simplest baseline.
        challengers: Other estimators with their hyperparameters.
    """

    name: str
    seed: int
    bootstrap_resamples: int
    entity: str
    label: str
    estimator: str
    features: Features
    hyperparameters: dict[str, Any]
    challengers: tuple[tuple[str, dict[str, Any]], ...]
    rule_feature: str
    split: Split
    drift: Drift

    def candidates(self) -> tuple["ModelSettings", ...]:
        """The model by each of its estimators, the default first."""
        made = ((self.estimator, self.hyperparameters), *self.challengers)
        return tuple(
            replace(self, estimator=estimator, hyperparameters=given, challengers=())
            for estimator, given in made
        )


@dataclass(frozen=True, slots=True)
class _Section:
    """One table of the file; knows its path for messages."""

    path: Path
    key: str
    values: dict[str, Any]

    def error(self, key: str, problem: str) -> SettingsError:
        return SettingsError(f"{self.path}: {self.key}{key} {problem}")

    def only(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(key, f"is unknown; known here: {', '.join(known)}")

    def _take(self, key: str) -> Any:
        if key not in self.values:
            raise self.error(key, "is missing")
        return self.values[key]

    def section(self, key: str) -> "_Section":
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.error(key, "must be a table")
        return _Section(self.path, f"{self.key}{key}.", value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"must be a whole number from {low} to {high}, not {value!r}")
        return int(value)

    def number(self, key: str, low: float, high: float) -> float:
        value = self._take(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise self.error(key, f"must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._take(key)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    def choices(self, key: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        values = self._take(key)
        is_list = isinstance(values, list)
        if not is_list or any(value not in choices for value in values):
            raise self.error(key, f"must be a list of {', '.join(choices)}, not {values!r}")
        return tuple(values)

    def shares(self, key: str) -> tuple[float, ...]:
        values = self._take(key)
        rising = isinstance(values, list) and values and values == sorted(set(values))
        if not rising or not all(isinstance(each, float) and 0 < each < 1 for each in values):
            raise self.error(
                key, f"must be a rising list of shares between 0 and 1, not {values!r}"
            )
        return tuple(values)

    def name(self, key: str) -> str:
        return self._names(key, [self._take(key)])[0]

    def names(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if not isinstance(value, list):
            raise self.error(key, f"must be a list of column names, not {value!r}")
        return self._names(key, value)

    def _names(self, key: str, values: list[Any]) -> tuple[str, ...]:
        for value in values:
            if not isinstance(value, str) or not _NAME.fullmatch(value):
                raise self.error(key, f"must hold lower-case names, not {value!r}")
        return tuple(values)


def load(path: Path) -> tuple[ModelSettings, ...]:
    """Reads and checks the file; models come in the order in which they stand there.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    try:
        root = _Section(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML ({error})") from error
    root.only("seed", "bootstrap_resamples", "models")
    models = root.section("models")
    return tuple(_model(root, models.section(name), name) for name in models.values)


def _model(root: _Section, section: _Section, name: str) -> ModelSettings:
    section.only(
        *("entity", "label", "estimator", "challengers", "rule_feature", "numeric", "categorical"),
        *("hyperparameters", "split", "drift"),
    )
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{section.path}: models.{name} must be a lower-case name")
    features = _features(section)
    estimator = section.choice("estimator", ESTIMATORS)
    challengers = section.choices("challengers", ESTIMATORS)
    given = section.section("hyperparameters")
    given.only(estimator, *challengers)
    rule_feature = section.choice("rule_feature", features.numeric)
    return ModelSettings(
        name=name,
        seed=root.integer("seed", 0, 2**32 - 1),
        bootstrap_resamples=root.integer("bootstrap_resamples", 20, 10_000),
        entity=section.choice("entity", ENTITIES),
        label=section.name("label"),
        estimator=estimator,
        features=features,
        hyperparameters=dict(given.section(estimator).values),
        challengers=tuple((name, dict(given.section(name).values)) for name in challengers),
        rule_feature=rule_feature,
        split=_split(section.section("split")),
        drift=_drift(section.section("drift"), features),
    )


def _features(section: _Section) -> Features:
    features = Features(section.names("numeric"), section.names("categorical"))
    label = section.name("label")
    for key, names in (("numeric", features.numeric), ("categorical", features.categorical)):
        for name in names:
            if name in (*_NO_FEATURES, label):
                raise section.error(key, f"must not hold {name!r}: it is no feature")
            if features.names.count(name) > 1:
                raise section.error(key, f"holds {name!r}, which is listed twice")
    if not features.names:
        raise section.error("numeric", "and categorical are both empty")
    return features


def _split(section: _Section) -> Split:
    section.only(
        *("train_share", "min_entities", "min_rarer_class", "max_train_projects"),
        *("max_test_projects", "calibration_shares"),
    )
    return Split(
        train_share=section.number("train_share", 0.1, 0.95),
        min_entities=section.integer("min_entities", 2, 1_000_000),
        min_rarer_class=section.integer("min_rarer_class", 1, 1_000_000),
        max_train_projects=section.integer("max_train_projects", 100, 10_000_000),
        max_test_projects=section.integer("max_test_projects", 100, 10_000_000),
        calibration_shares=section.shares("calibration_shares"),
    )


def _drift(section: _Section, features: Features) -> Drift:
    section.only(
        *("clocks", "window_days", "min_entities", "mean_shift_threshold"),
        *("capped_shift_threshold", "psi_threshold", "significance", "report_only"),
    )
    clocks, report_only = section.names("clocks"), section.names("report_only")
    if not clocks or "current" in clocks:
        # Live campaigns are long ones caught half-way: against training they always differ.
        raise section.error("clocks", "must name kinds of snapshot other than 'current'")
    for name in report_only:
        if name not in features.names:
            raise section.error("report_only", f"holds {name!r}, which is no feature of the model")
    return Drift(
        clocks=clocks,
        window_days=section.integer("window_days", 1, 3660),
        min_entities=section.integer("min_entities", 2, 1_000_000),
        mean_shift_threshold=section.number("mean_shift_threshold", 0.001, 100),
        capped_shift_threshold=section.number("capped_shift_threshold", 0.001, 100),
        psi_threshold=section.number("psi_threshold", 0.001, 100),
        significance=section.number("significance", 1e-9, 0.5),
        report_only=report_only,
    )
