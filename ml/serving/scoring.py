"""Predictions from features that a caller gives, by the model that serves."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from ml.modeling import artifacts
from ml.modeling.registry import ModelRun
from ml.warehouse import WarehouseError

if TYPE_CHECKING:  # scikit-learn takes a second, which only the first caller shall wait for
    from ml.modeling.rolling import FittedModel

Columns = Mapping[str, Sequence[float | str | None]]


class Score(NamedTuple):
    """The prediction from one row of given features."""

    predicted_probability: float
    predicted_label: bool


class _Loaded(NamedTuple):
    sha256: str | None
    fitted: "FittedModel"


class Scorer:
    """Scores rows by the last fit of a model; may be shared by threads, which wait in turn."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the model files; loads nothing yet."""
        self._folder = folder
        self._lock = threading.Lock()  # the number of BLAS threads is the process's, not a thread's
        self._loaded: dict[str, _Loaded] = {}

    def load(self, run: ModelRun) -> "FittedModel":
        """Returns a recorded model, as it was loaded before if it is the same file.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        with self._lock:
            return self._load(run)

    def score(self, run: ModelRun, columns: Columns) -> list[Score]:
        """Returns probability and label of each row, as a batch would for the same values.

        Args:
            run: The model that serves.
            columns: The values of each feature, one per row; None is unknown.

        Raises:
            ArtifactError: The model cannot be loaded.
            WarehouseError: The model reads a feature that is not given.
        """
        from ml.modeling import rolling
        from ml.modeling.estimators import KIND
        from ml.modeling.metrics import THRESHOLD

        with self._lock:
            fitted = self._load(run)
            features = rolling.features_of(fitted)
            for name in features.names:
                if name not in columns:
                    raise WarehouseError(
                        f"features.feature_catalogue lacks {name!r}, which {run.model_name} reads:"
                        " make run"
                    )
            table = {
                name: pa.array(columns[name], pa.float64() if name in features.numeric else None)
                for name in features.names
            }
            count = len(next(iter(columns.values())))
            rows = pa.table(table | {KIND: [rolling.LIVE] * count})
            scores = rolling.score_by(fitted.fits[-1], rows)
        return [Score(float(each), bool(each >= THRESHOLD)) for each in scores]

    def _load(self, run: ModelRun) -> "FittedModel":
        known = self._loaded.get(run.model_name)
        if known is None or known.sha256 != run.artifact_sha256:
            known = _Loaded(run.artifact_sha256, artifacts.load(self._folder, run))
            self._loaded[run.model_name] = known
        return known.fitted
