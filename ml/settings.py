"""The settings of the models, as `models.toml` gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictFloat, StrictInt, with_config

from ml import settings_file
from ml.settings_file import CLOSED, SettingsError

DEFAULT_PATH = Path(__file__).with_name("models.toml")

ENTITIES = ("project", "milestone")

Estimator = Literal["log_odds_mean", "random_forest", "gradient_boosting", "logistic_regression"]
Challenger = Literal["random_forest", "gradient_boosting", "logistic_regression"]
MEAN: Final = "log_odds_mean"
GROW_FROM: Final = "trees_grow_from"  # beside the priors of the mean: a number of projects
_OF_TREES = ("random_forest", "gradient_boosting")
BASE_RATE: Final = "base_rate"
ZERO_APART: Final = "zero_apart"  # of the boosting: the feature whose zeros it learns from apart
_MOST = 1_000_000
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="a lower-case name")]
Names = tuple[Name, ...]
Pair = Annotated[Names, Field(min_length=2, max_length=2)]
Days = Annotated[StrictInt, Field(ge=1, le=3660)]


def _falling_days(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values or list(values) != sorted(set(values), reverse=True):
        raise ValueError(f"must be a falling list of days, not {list(values)}")
    return values


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) < 2 or list(values) != sorted(set(values)):
        raise ValueError(f"must be a rising list of two shares or more, not {list(values)}")
    return values


RisingShares = Annotated[
    tuple[Annotated[StrictFloat, Field(ge=0.001, le=0.999)], ...], AfterValidator(_rising)
]


@dataclass(frozen=True, slots=True)
class Features:
    """The columns that a model reads, in the order in which it reads them."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, numbers first."""
        return self.numeric + self.categorical

    def without(self, names: Sequence[str]) -> "Features":
        """Returns the others."""
        return Features(
            tuple(name for name in self.numeric if name not in names),
            tuple(name for name in self.categorical if name not in names),
        )


NO_FEATURES = Features((), ())


@with_config(CLOSED)
@dataclass(frozen=True, slots=True)
class Split:
    """Where the cut lies, and how much it takes to train at all.

    Attributes:
        cuts: Shares of the labelled entities: at the launch by which each of them had begun, the
            model is fitted to what was known, and predicts the launches up to the next cut. The
            launches after the second cut (or the first by which enough was known) are what it is
            measured on; those between the first two
            only say how much each estimator is worth.
        min_entities: Fewest entities in training.
        min_rarer_class: Fewest entities of the rarer class in training.
        max_train_projects: Most projects in training; more are sampled.
        max_test_projects: Most projects that a model is judged on; more are sampled.
    """

    cuts: RisingShares
    min_entities: Annotated[StrictInt, Field(ge=2, le=1_000_000)]
    min_rarer_class: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    max_train_projects: Annotated[StrictInt, Field(ge=100, le=10_000_000)]
    max_test_projects: Annotated[StrictInt, Field(ge=100, le=10_000_000)]


@with_config(CLOSED)
@dataclass(frozen=True, slots=True)
class Drift:
    """What counts as a shift of a feature between training and now.

    Attributes:
        snapshot_kinds: Kinds of snapshot that are compared.
        window_days: Lengths of the recent windows, the longest first: a long one sees what is small
            and lasts, a short one what is new.
        min_entities: Fewest projects in either window.
        mean_shift_threshold: The customary rule on the relative shift of the mean; only shown.
        capped_shift_threshold: What the relative shift of the capped mean must exceed by more than
            `bound_errors` standard errors.
        psi_threshold: The same of the population stability index.
        bound_errors: How many standard errors below an estimate its lower bound lies.
        significance: Largest adjusted p-value that counts as evidence.
        report_only: Features that are shown but raise no alert.
        outcome_kind: Kind of snapshot whose predictions are compared with outcomes.
        outcome_significance: Probability that a calibrated model ever raises an alert by them.
        level_threshold: What observed share minus mean probability must exceed in size by more than
            `bound_errors` standard errors.
        slope_threshold: Factor that the calibration slope must lie above, or below its inverse.
    """

    snapshot_kinds: Names
    window_days: Annotated[tuple[Days, ...], AfterValidator(_falling_days)]
    min_entities: Annotated[StrictInt, Field(ge=2, le=1_000_000)]
    mean_shift_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    capped_shift_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    psi_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    bound_errors: Annotated[StrictFloat, Field(ge=0, le=10)]
    significance: Annotated[StrictFloat, Field(ge=1e-9, le=0.5)]
    report_only: Names
    outcome_kind: Name
    outcome_significance: Annotated[StrictFloat, Field(ge=1e-9, le=0.5)]
    level_threshold: Annotated[StrictFloat, Field(ge=0.001, le=0.999)]
    slope_threshold: Annotated[StrictFloat, Field(ge=1.001, le=100)]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model of `models.toml`, made by its default estimator.

    Attributes:
        train_every_days: It learns from what was known at the last multiple of so many days; 0: at
            `as_of`.
        rule_feature: The one feature of the simplest baseline.
        challengers: Other estimators with their hyperparameters.
        linear: The features of the logistic regression.
        logarithms: Those of them that it takes the logarithm of.
        products: Pairs of them whose product it takes too.
    """

    name: str
    seed: int
    train_every_days: int
    entity: str
    label: str
    estimator: str
    features: Features
    hyperparameters: dict[str, Any]
    challengers: tuple[tuple[str, dict[str, Any]], ...]
    rule_feature: str
    linear: Features
    logarithms: Names
    products: tuple[Names, ...]
    split: Split
    drift: Drift

    def candidates(self) -> tuple["ModelSettings", ...]:
        """The model by each of its estimators, the default first."""
        first = self if self.estimator == MEAN else self._by(self.estimator)
        return first, *(self._by(estimator) for estimator, _ in self.challengers)

    def members(self) -> tuple["ModelSettings", ...]:
        """The estimators that make a prediction together."""
        if self.estimator != MEAN:
            return (self,)
        return tuple(self._by(name) for name in self.hyperparameters if name != GROW_FROM)

    def priors(self, project_count: int) -> tuple[float, ...]:
        """The prior of the weight of each member that has learned from so many projects.

        Trees need many, the base rate is for when there are few: above the setting, the priors of
        the first grow in proportion to the projects, that of the second shrinks.
        """
        times = max(1.0, project_count / self.hyperparameters.get(GROW_FROM, inf))
        factor = {**dict.fromkeys(_OF_TREES, times), BASE_RATE: 1 / times}
        return tuple(
            self.hyperparameters.get(each.estimator, 1.0) * factor.get(each.estimator, 1.0)
            for each in self.members()
        )

    def rule(self) -> "ModelSettings":
        """The simplest baseline: a logistic regression on one feature and the snapshot kind."""
        features = Features((self.rule_feature,), ("snapshot_kind",))
        rule = self._by("logistic_regression")
        return replace(rule, hyperparameters={}, features=features, products=())

    def base_rate(self) -> "ModelSettings":
        """The baseline that knows the snapshot kind alone."""
        return self._by(BASE_RATE)

    def _by(self, estimator: str) -> "ModelSettings":
        known = {**dict(self.challengers), self.estimator: self.hyperparameters}
        features = {
            "logistic_regression": self.linear,
            BASE_RATE: Features((), ("snapshot_kind",)),
        }.get(estimator, self.features)
        return replace(
            self,
            estimator=estimator,
            hyperparameters=known.get(estimator, {}),
            features=features,
            challengers=(),
        )


class _Linear(BaseModel):
    """The features as an analyst would give them to a logistic regression."""

    model_config = CLOSED

    plain: Names
    logarithms: Names
    products: tuple[Pair, ...]


class _Model(BaseModel):
    """One table `models.<name>` of the file."""

    model_config = CLOSED

    entity: Literal["project", "milestone"]
    label: Name
    estimator: Estimator
    challengers: list[Challenger]
    rule_feature: Name
    leave_out: Names
    linear: _Linear
    hyperparameters: dict[Estimator, dict[str, Any]]
    split: Split
    drift: Drift


class _File(BaseModel):
    model_config = CLOSED

    seed: Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]
    train_every_days: Annotated[StrictInt, Field(ge=0, le=366)]
    models: dict[Name, _Model]


def load(path: Path, catalogue: Mapping[str, Features] | None = None) -> tuple[ModelSettings, ...]:
    """Reads and checks the file; models come in the order in which they stand there.

    Args:
        path: Of the file.
        catalogue: All features of each entity. Without it the models have none, which is enough to
            ask which models there are.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    file = settings_file.read(path, _File)
    if not file.models:
        raise SettingsError(f"{path}: models holds no model")
    found = []
    for name, model in file.models.items():
        every = catalogue[model.entity] if catalogue else None
        if problem := _problem(model) or (every and _problem_of_features(model, every)):
            raise SettingsError(f"{path}: models.{name}.{problem}")
        features = every.without(model.leave_out) if every else NO_FEATURES
        found.append(_settings(file, name, model, features))
    return tuple(found)


def _settings(file: _File, name: str, model: _Model, features: Features) -> ModelSettings:
    linear = (*model.linear.plain, *model.linear.logarithms)
    return ModelSettings(
        name=name,
        seed=file.seed,
        train_every_days=file.train_every_days,
        entity=model.entity,
        label=model.label,
        estimator=model.estimator,
        features=features,
        hyperparameters=model.hyperparameters[model.estimator],
        challengers=tuple((each, model.hyperparameters[each]) for each in model.challengers),
        rule_feature=model.rule_feature,
        linear=Features(tuple(each for each in features.numeric if each in linear), ()),
        logarithms=model.linear.logarithms,
        products=model.linear.products,
        split=model.split,
        drift=model.drift,
    )


def _problem(model: _Model) -> str | None:
    """Returns what does not go together, with its key; None when all does."""
    made = (model.estimator, *model.challengers)
    for challenger in model.challengers:
        if made.count(challenger) > 1:
            return f"challengers holds {challenger!r}, which is a candidate already"
    for estimator in model.hyperparameters:
        if estimator not in made:
            return f"hyperparameters.{estimator} is unknown; known here: {', '.join(made)}"
    for estimator in made:
        if estimator not in model.hyperparameters:
            return f"hyperparameters.{estimator} is missing"
    for member, prior in model.hyperparameters.get(MEAN, {}).items():
        place = f"hyperparameters.{MEAN}.{member}"
        known = (*model.challengers, BASE_RATE, GROW_FROM)
        if member not in known:
            return f"{place} is unknown; known here: {', '.join(known)}"
        if isinstance(prior, bool) or not isinstance(prior, int | float) or not 0 < prior <= _MOST:
            return f"{place} must be a number above 0, at most {_MOST}, not {prior!r}"
        if member == GROW_FROM and prior < 1:
            return f"{place} must be 1 project or more, not {prior!r}"
    if MEAN in model.hyperparameters and not model.hyperparameters[MEAN].keys() - {GROW_FROM}:
        return f"hyperparameters.{MEAN} names no estimator"
    if problem := _problem_of_linear(model.linear):
        return problem
    if model.drift.outcome_kind == "current":
        return "drift.outcome_kind must name a kind of snapshot other than 'current'"
    if not model.drift.snapshot_kinds or "current" in model.drift.snapshot_kinds:
        # Live campaigns are long ones caught half-way: against training they always differ.
        return "drift.snapshot_kinds must name kinds of snapshot other than 'current'"
    return None


def _problem_of_linear(linear: _Linear) -> str | None:
    read = (*linear.plain, *linear.logarithms)
    if not read:
        return "linear names no feature, neither in plain nor in logarithms"
    for name in (name for pair in linear.products for name in pair):
        if name not in read:
            return f"linear.products holds {name!r}, which is neither in plain nor in logarithms"
    return None


def _problem_of_features(model: _Model, every: Features) -> str | None:
    """Returns which key names what is no feature; None when none does."""
    boosting = model.hyperparameters.get("gradient_boosting", {})
    needed: dict[str, Names] = {
        "rule_feature": (model.rule_feature,),
        f"hyperparameters.gradient_boosting.{ZERO_APART}": (boosting.get(ZERO_APART, ""),),
        "drift.report_only": model.drift.report_only,
    }
    for name in model.leave_out:
        if name not in every.names:
            return f"leave_out holds {name!r}, which is no feature of features.feature_catalogue"
        for key, names in needed.items():
            if name in names:
                return f"leave_out holds {name!r}, which {key} names too: remove one of the two"
    features = every.without(model.leave_out)
    if model.rule_feature not in features.numeric:
        allowed = ", ".join(features.numeric)
        return f"rule_feature must be one of {allowed}, not {model.rule_feature!r}"
    for name in (*model.linear.plain, *model.linear.logarithms):
        if name not in every.numeric:
            return f"linear holds {name!r}, which is no number of features.feature_catalogue"
    for name in model.drift.report_only:
        if name not in features.names:
            return f"drift.report_only holds {name!r}, which is no feature of the model"
    return None
