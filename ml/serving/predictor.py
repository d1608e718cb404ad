"""One prediction from the published warehouse: the very row of the batch, at a limited rate."""

import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ml import settings
from ml.errors import MlError
from ml.serving import log
from ml.serving.log import Prediction
from ml.serving.published import Published
from ml.serving.published_rows import FinalAmount, NoModelError, PublishedRow, PublishedRows
from ml.serving.rate_limit import RateLimit
from ml.warehouse import Warehouse

LOG_FOLDER = "online"
_LONGEST_NAME = 200
_STATUS = {
    "project": "select project_status from core.dim_projects where project_id = $id",
    "milestone": "select milestone_status from core.fct_milestones where milestone_id = $id",
}
_SNAPSHOT = """
    select count(*) from features.{entity}_features
    where {entity}_id = $id and snapshot_kind = 'current'"""


class NameUnusableError(MlError):
    """A client or request has a name that cannot be kept."""


class UnknownEntityError(MlError):
    """The published warehouse has no such project or milestone."""


class NotLiveError(MlError):
    """The project or milestone is there, but there is nothing to predict: not begun, or over."""


class Answer(NamedTuple):
    """One prediction as it stands in the log, and what the batch holds beside it."""

    prediction: Prediction
    row: PublishedRow
    amount: FinalAmount | None


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
        self._limit = RateLimit(limits or limits_beside(folder))
        self._published = Published(folder, settings.load(config))
        self._process = 0

    def predict_project(
        self, project_id: int, *, client: str, request_id: str | None = None
    ) -> Prediction:
        """Predicts whether a live project will reach its goal.

        What is decided already gets the model's opinion too, marked by `is_decided`, as in a batch.

        Args:
            project_id: The project.
            client: Who asks, for the limit and the log.
            request_id: Names the request: repeated by the client under the same name, it is one
                prediction in `ml.predictions`. By default each call is a request of its own.

        Raises:
            RateLimitExceededError: Too many requests; `retry_after` says when to come back.
            NameUnusableError: Not 1 to 200 printable characters.
            UnknownEntityError: There is no such project.
            NotLiveError: It is over.
            NoModelError: The model was skipped, or there is none.
            MlError: Warehouse, model file, limits or log cannot be used; the message says which.
        """
        return self.answer("project", project_id, client=client, request_id=request_id).prediction

    def predict_milestone(
        self, milestone_id: int, *, client: str, request_id: str | None = None
    ) -> Prediction:
        """Predicts whether a started milestone is at high risk; otherwise as `predict_project`."""
        found = self.answer("milestone", milestone_id, client=client, request_id=request_id)
        return found.prediction

    def answer(
        self, entity: str, entity_id: int, *, client: str, request_id: str | None = None
    ) -> Answer:
        """Answers for a `project` or `milestone` as `predict_project`, with reasons and amount."""
        self._stay_in_one_process()
        check_names(client=client, request_id=request_id)
        self._published.require()  # a mistaken folder shall not get limits and a log
        self._limit.take(client)
        published = self._published.rows()
        row = find(published, entity, entity_id)
        if row is None:
            with self._published.warehouse() as warehouse:
                raise absence(warehouse, entity, entity_id)
        made = logged(row, client, request_id, self._now())
        log.append(self._folder / LOG_FOLDER, made)
        amount = published.amounts.get(entity_id) if entity == "project" else None
        return Answer(made, row, amount)

    def _stay_in_one_process(self) -> None:
        """Refuses to go on in a forked process, where open databases hang or break."""
        self._process = self._process or os.getpid()
        if self._process != os.getpid():
            raise MlError("a Predictor that was used before a fork: make one in each process")


def limits_beside(folder: Path) -> str:
    """Returns the URL of the counts that all processes of a warehouse folder share."""
    return f"sqlite:///{(folder / 'limits' / 'requests.sqlite').absolute()}"


def check_names(**names: str | None) -> None:
    """Makes sure that the log can keep these names.

    Raises:
        NameUnusableError: Not 1 to 200 printable characters.
    """
    for what, name in names.items():
        if name is not None and not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
            raise NameUnusableError(f"{what} must be 1 to {_LONGEST_NAME} printable characters")


def find(published: PublishedRows, entity: str, entity_id: int) -> PublishedRow | None:
    """Returns the row of what is live; None when there is none.

    Raises:
        MlError: There is no model, or its file is not the recorded one.
    """
    model = published.models.get(entity)
    if model is None:
        raise NoModelError(f"models.toml has no model of {entity}s")
    if model.problem:
        raise model.problem.with_traceback(None)
    return model.rows.get(entity_id)


def absence(warehouse: Warehouse, entity: str, entity_id: int) -> MlError:
    """Returns why something has no published prediction."""
    if not -(2**63) <= entity_id < 2**63:
        return UnknownEntityError(f"there is no {entity} {entity_id}: no id is that long")
    found = warehouse.fetch(_STATUS[entity], id=entity_id)
    as_of = f"as of {warehouse.as_of()}"
    if not found:
        return UnknownEntityError(f"there is no {entity} {entity_id} in the warehouse {as_of}")
    if warehouse.fetch(_SNAPSHOT.format(entity=entity), id=entity_id) != [(0,)]:
        return NoModelError(f"{entity} {entity_id} has no prediction {as_of}: make run")
    return NotLiveError(f"{entity} {entity_id} is {found[0][0]} {as_of}: nothing to predict")


def logged(row: PublishedRow, client: str, request_id: str | None, now: datetime) -> Prediction:
    """Returns the line of the log for an answer."""
    request = request_id or uuid.uuid4().hex
    return Prediction(
        prediction_id=log.prediction_id(row.prediction_id, client, request),
        request_id=request,
        client=client,
        model_name=row.model_name,
        model_version=row.model_version,
        entity_id=row.entity_id,
        snapshot_at=row.snapshot_at,
        snapshot_kind=row.snapshot_kind,
        is_decided=row.is_decided,
        predicted_probability=row.predicted_probability,
        predicted_label=row.predicted_label,
        predicted_at=now.replace(tzinfo=None),
        feature_values=row.feature_values,
        skill_state=row.skill_state,
    )
