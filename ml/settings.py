"""The settings of the models, as `models.toml` gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictFloat, StrictInt, with_config

from ml import settings_file
from ml.settings_file import CLOSED, SettingsError

DEFAULT_PATH = Path(__file__).with_name("models.toml")

ENTITIES = ("project", "milestone")

Estimator = Literal["random_forest", "gradient_boosting", "logistic_regression"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="a lower-case name")]
Names = tuple[Name, ...]


def rising_shares(values: tuple[float, ...]) -> tuple[float, ...]:
    """Returns the values if they are a rising list of shares."""
    if not values or list(values) != sorted(set(values)) or not 0 < values[0] <= values[-1] < 1:
        raise ValueError(f"must be a rising list of shares between 0 and 1, not {list(values)}")
    return values


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
        train_share: Share of the labelled entities whose project was launched by the cut.
        min_entities: Fewest entities in training.
        min_rarer_class: Fewest entities of the rarer class in training.
        max_train_projects: Most projects in training; more are sampled.
        max_test_projects: Most projects that a model is judged on; more are sampled.
        calibration_shares: Earlier cuts inside the training window, as shares of its projects: what
            a model fitted up to each of them says about the stretch to the next one calibrates.
    """

    train_share: Annotated[StrictFloat, Field(ge=0.1, le=0.95)]
    min_entities: Annotated[StrictInt, Field(ge=2, le=1_000_000)]
    min_rarer_class: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    max_train_projects: Annotated[StrictInt, Field(ge=100, le=10_000_000)]
    max_test_projects: Annotated[StrictInt, Field(ge=100, le=10_000_000)]
    calibration_shares: Annotated[tuple[StrictFloat, ...], AfterValidator(rising_shares)]


@with_config(CLOSED)
@dataclass(frozen=True, slots=True)
class Drift:
    """What counts as a shift of a feature between training and now.

    Attributes:
        snapshot_kinds: Kinds of snapshot that are compared.
        window_days: Length of the recent window.
        min_entities: Fewest projects in either window.
        mean_shift_threshold: The customary rule on the relative shift of the mean; only shown.
        capped_shift_threshold: What the relative shift of the capped mean must exceed for sure.
        psi_threshold: What the population stability index must exceed for sure.
        significance: Largest adjusted p-value that counts as evidence; also how sure is sure.
        report_only: Features that are shown but never alarmed.
    """

    snapshot_kinds: Names
    window_days: Annotated[StrictInt, Field(ge=1, le=3660)]
    min_entities: Annotated[StrictInt, Field(ge=2, le=1_000_000)]
    mean_shift_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    capped_shift_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    psi_threshold: Annotated[StrictFloat, Field(ge=0.001, le=100)]
    significance: Annotated[StrictFloat, Field(ge=1e-9, le=0.5)]
    report_only: Names


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


class _Model(BaseModel):
    """One table `models.<name>` of the file."""

    model_config = CLOSED

    entity: Literal["project", "milestone"]
    label: Name
    estimator: Estimator
    challengers: list[Estimator]
    rule_feature: Name
    leave_out: Names
    hyperparameters: dict[Estimator, dict[str, Any]]
    split: Split
    drift: Drift


class _File(BaseModel):
    model_config = CLOSED

    seed: Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]
    bootstrap_resamples: Annotated[StrictInt, Field(ge=20, le=10_000)]
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
    found = []
    for name, model in file.models.items():
        every = catalogue[model.entity] if catalogue else None
        if problem := _problem(model) or (every and _problem_of_features(model, every)):
            raise SettingsError(f"{path}: models.{name}.{problem}")
        features = every.without(model.leave_out) if every else NO_FEATURES
        found.append(_settings(file, name, model, features))
    return tuple(found)


def _settings(file: _File, name: str, model: _Model, features: Features) -> ModelSettings:
    return ModelSettings(
        name=name,
        seed=file.seed,
        bootstrap_resamples=file.bootstrap_resamples,
        entity=model.entity,
        label=model.label,
        estimator=model.estimator,
        features=features,
        hyperparameters=model.hyperparameters[model.estimator],
        challengers=tuple((each, model.hyperparameters[each]) for each in model.challengers),
        rule_feature=model.rule_feature,
        split=model.split,
        drift=model.drift,
    )


def _problem(model: _Model) -> str | None:
    """Returns what does not go together, with its key; None when all does."""
    made = (model.estimator, *model.challengers)
    for estimator in model.hyperparameters:
        if estimator not in made:
            return f"hyperparameters.{estimator} is unknown; known here: {', '.join(made)}"
    for estimator in made:
        if estimator not in model.hyperparameters:
            return f"hyperparameters.{estimator} is missing"
    if not model.drift.snapshot_kinds or "current" in model.drift.snapshot_kinds:
        # Live campaigns are long ones caught half-way: against training they always differ.
        return "drift.snapshot_kinds must name kinds of snapshot other than 'current'"
    return None


def _problem_of_features(model: _Model, every: Features) -> str | None:
    """Returns which key names what is no feature; None when none does."""
    for name in model.leave_out:
        if name not in every.names:
            return f"leave_out holds {name!r}, which is no feature of features.feature_catalogue"
    features = every.without(model.leave_out)
    if model.rule_feature not in features.numeric:
        allowed = ", ".join(features.numeric)
        return f"rule_feature must be one of {allowed}, not {model.rule_feature!r}"
    for name in model.drift.report_only:
        if name not in features.names:
            return f"drift.report_only holds {name!r}, which is no feature of the model"
    return None
