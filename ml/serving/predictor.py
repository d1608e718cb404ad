"""One prediction from the published warehouse: the very number of the batch, at a limited rate."""

import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ml import settings
from ml.errors import MlError
from ml.modeling import artifacts, rolling
from ml.modeling.metrics import THRESHOLD
from ml.modeling.predict import model_in_use, probabilities
from ml.modeling.registry import ModelRun
from ml.modeling.rows import check_inputs
from ml.modeling.snapshots import current_row
from ml.serving import log
from ml.serving.log import Prediction
from ml.serving.published import Published
from ml.serving.rate_limit import RateLimit
from ml.settings import Features, ModelSettings
from ml.warehouse import Warehouse

PUBLISHED = "escrow.duckdb"
LOG_FOLDER = "online"
_LONGEST_NAME = 200
_STATUS = {
    "project": "select project_status from core.dim_projects where project_id = $id",
    "milestone": "select milestone_status from core.fct_milestones where milestone_id = $id",
}


class NameUnusableError(MlError):
    """A client or request has a name that cannot be kept."""


class UnknownEntityError(MlError):
    """The published warehouse has no such project or milestone."""


class NotLiveError(MlError):
    """The project or milestone is there, but there is nothing to predict: not begun, or over."""


# as in the batch: a model that a bug ended for this `as_of` predicts nothing that is live
_FAILED = """
    select stage from staging.stg_failures
    where unit = $unit and stage in ('train', 'predict') order by recorded_at"""


class NoModelError(MlError):
    """There is no model for this kind of question, or it was skipped."""


class _Served(NamedTuple):
    """A model as one opened file names it."""

    warehouse: Warehouse
    run: ModelRun
    fitted: Any
    features: Features


class Predictor:
    """Answers single questions from `folder/escrow.duckdb`; may be shared by threads.

    Every request counts against the client's limit, answered or not, and every answer stands in
    the log before it is given. A request is answered from one published file as a whole; the next
    one finds the file that has been published since.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: str | None = None,
        config: Path = settings.DEFAULT_PATH,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Does not touch the warehouse yet.

        Args:
            folder: The warehouse folder: published file, models, log.
            limits: URL of the storage that clients' requests are counted in; by default a file in
                `folder`, which serves the processes of one machine.
            config: The settings of the models.
            now: The clock behind `predicted_at`, in UTC.

        Raises:
            MlError: The settings or the URL cannot be used.
        """
        self._folder, self._now = folder, now
        self._models = settings.load(config)
        place = (folder / "limits" / "requests.sqlite").absolute()
        self._limit = RateLimit(limits or f"sqlite:///{place}")
        self._published = Published(folder / PUBLISHED)
        self._served: dict[str, _Served] = {}
        self._process = 0

    def predict_project(
        self, project_id: int, *, client: str, request_id: str | None = None
    ) -> Prediction:
        """Predicts whether a live project will reach its goal.

        What is decided already gets the model's opinion too, marked by `is_decided`, as in a batch.

        Args:
            project_id: The project.
            client: Who asks, for the limit and the log.
            request_id: Names the request: repeated under the same name, it is one prediction in
                `ml.predictions`. By default each call is a request of its own.

        Raises:
            RateLimitExceededError: Too many requests; `retry_after` says when to come back.
            NameUnusableError: Not 1 to 200 printable characters.
            UnknownEntityError: There is no such project.
            NotLiveError: It is over.
            NoModelError: The model was skipped, or there is none.
            MlError: Warehouse, model file, limits or log cannot be used; the message says which.
        """
        return self._predict("project", project_id, client, request_id)

    def predict_milestone(
        self, milestone_id: int, *, client: str, request_id: str | None = None
    ) -> Prediction:
        """Predicts whether a started milestone is at high risk; otherwise as `predict_project`."""
        return self._predict("milestone", milestone_id, client, request_id)

    def _predict(
        self, entity: str, entity_id: int, client: str, request_id: str | None
    ) -> Prediction:
        self._stay_in_one_process()
        for what, name in (("client", client), ("request_id", request_id)):
            if name is not None and not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
                raise NameUnusableError(f"{what} must be 1 to {_LONGEST_NAME} printable characters")
        self._published.require()  # a mistaken folder shall not get limits and a log
        self._limit.take(client)
        if not -(2**63) <= entity_id < 2**63:
            raise UnknownEntityError(f"there is no {entity} {entity_id}: no id is that long")
        model = self._model(entity)
        with self._published.warehouse() as warehouse:
            served = self._serve(model, warehouse)
            version = str(served.run.model_version)
            row = current_row(warehouse, model, served.features, entity_id, version)
            if not row.num_rows:
                raise _absence(entity, entity_id, warehouse)
        probability = float(probabilities(served.fitted, row)[0])
        prediction = self._record(row, probability, served.run, client, request_id)
        log.append(self._folder / LOG_FOLDER, prediction)
        return prediction

    def _model(self, entity: str) -> ModelSettings:
        for model in self._models:
            if model.entity == entity:
                return model
        raise NoModelError(f"models.toml has no model of {entity}s")

    def _serve(self, model: ModelSettings, warehouse: Warehouse) -> _Served:
        """Returns the model in use; loads it when the warehouse names another file than before."""
        before = self._served.get(model.name)
        if before and before.warehouse is warehouse:
            return before
        # what an older version has published may lack it
        warehouse.require("intermediate.int_models_in_use", "skill_state", needed_by="serving")
        run = model_in_use(model, warehouse)
        if run.status != "trained":
            raise NoModelError(f"{model.name} has no model: {run.reason}")
        if failed := warehouse.fetch(_FAILED, unit=model.name):
            raise NoModelError(f"{model.name} has no model: {failed[0][0]} failed; see ml.failures")
        if before and before.run.artifact_sha256 == run.artifact_sha256:
            fitted = before.fitted
        else:
            fitted = artifacts.load(self._folder / "models", run)
        features = rolling.features_of(fitted)
        check_inputs(warehouse, model, features)
        self._served[model.name] = _Served(warehouse, run, fitted, features)
        return self._served[model.name]

    def _record(
        self,
        row: pa.Table,
        probability: float,
        run: ModelRun,
        client: str,
        request_id: str | None,
    ) -> Prediction:
        version, request = str(run.model_version), request_id or uuid.uuid4().hex
        [snapshot] = row.select(
            ["entity_id", "snapshot_at", "snapshot_kind", "is_decided", "feature_values"]
        ).to_pylist()
        [batch_id] = row.column("prediction_id").to_pylist()
        return Prediction(
            prediction_id=log.prediction_id(batch_id, request),
            request_id=request,
            client=client,
            model_name=run.model_name,
            model_version=version,
            predicted_probability=probability,
            predicted_label=probability >= THRESHOLD,
            predicted_at=self._now().replace(tzinfo=None),
            skill_state=run.skill_state,
            **snapshot,
        )

    def _stay_in_one_process(self) -> None:
        """Refuses to go on in a forked process, where open databases hang or break."""
        self._process = self._process or os.getpid()
        if self._process != os.getpid():
            raise MlError("a Predictor that was used before a fork: make one in each process")


def _absence(entity: str, entity_id: int, warehouse: Warehouse) -> MlError:
    found = warehouse.fetch(_STATUS[entity], id=entity_id)
    as_of = f"as of {warehouse.as_of()}"
    if not found:
        return UnknownEntityError(f"there is no {entity} {entity_id} in the warehouse {as_of}")
    return NotLiveError(f"{entity} {entity_id} is {found[0][0]} {as_of}: nothing to predict")
