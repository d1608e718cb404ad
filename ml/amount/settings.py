"""The settings of the intervals of final totals, as `amount.toml` gives them."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, StrictFloat, StrictInt, with_config

from ml import settings_file
from ml.settings import Features, ModelSettings, RisingShares
from ml.settings_file import CLOSED

DEFAULT_PATH = Path(__file__).with_name("amount.toml")
NAME = "final_amount"


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Forest:
    """Section `forest` of the file, which says what each key is for."""

    n_estimators: Annotated[StrictInt, Field(ge=1, le=10_000)]
    min_samples_leaf: Annotated[StrictInt, Field(ge=1, le=100_000)]
    max_features: Annotated[StrictFloat, Field(ge=0.01, le=1)]
    max_samples: Annotated[StrictInt, Field(ge=100, le=10_000_000)]
    draws_per_leaf: Annotated[StrictInt, Field(ge=1, le=1000)]


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Section `calibration`."""

    shares: RisingShares
    min_projects: Annotated[StrictInt, Field(ge=9, le=1_000_000)]


class AmountSettings(BaseModel):
    """The whole file."""

    model_config = CLOSED

    train_share: Annotated[StrictFloat, Field(ge=0.1, le=0.95)]
    forest: Forest
    calibration: Calibration


def load(path: Path) -> AmountSettings:
    """Reads and checks the file.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    return settings_file.read(path, AmountSettings)


def as_model(settings: AmountSettings, project: ModelSettings, features: Features) -> ModelSettings:
    """Returns what rows are read by: the sampling of the model of projects, all features.

    Its digest covers everything that the intervals are made of.
    """
    given = {"forest": asdict(settings.forest), "calibration": asdict(settings.calibration)}
    return replace(
        project,
        name=NAME,
        estimator="random_forest",
        hyperparameters=given,
        challengers=(),
        rule_feature="pace_ratio",
        features=features,
        split=replace(project.split, cuts=(settings.train_share,)),
    )
