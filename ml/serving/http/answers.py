"""The shapes of answers, as the OpenAPI document describes them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ml.serving.published_rows import FinalAmount, PublishedModel, PublishedRow, PublishedRows

Timestamp = Annotated[datetime, AfterValidator(lambda value: value.replace(tzinfo=UTC))]
SkillState = Annotated[
    str | None,
    Field(description="`proven` when the model beats base rate and one-feature rule"),
]


class _Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Reason(_Shape):
    """A contribution to a prediction; all contributions add up to its log-odds."""

    feature: Annotated[str, Field(description="In parentheses where it is no feature")]
    feature_value: str | None
    contribution: float
    unit: str


class Prediction(_Shape):
    """The batch's prediction, as in `ml.predictions` of the published warehouse."""

    prediction_id: str
    model_name: str
    model_version: str
    skill_state: SkillState
    entity_id: int
    snapshot_kind: str
    snapshot_at: Annotated[Timestamp, Field(description="Only events strictly before it count")]
    is_decided: Annotated[bool, Field(description="The outcome was plain at the snapshot")]
    predicted_probability: Annotated[float, Field(ge=0, le=1)]
    predicted_label: bool
    predicted_at: Timestamp
    reasons: list[Reason]


class Amount(_Shape):
    """What a live project will have raised by its deadline: 5 %, 50 % and 95 % quantile."""

    prediction_id: str
    model_version: str
    skill_state: SkillState = None
    project_id: int
    snapshot_kind: str
    snapshot_at: Timestamp
    final_amount_low: Decimal
    final_amount_median: Decimal
    final_amount_high: Decimal
    predicted_at: Timestamp


Row = TypeVar("Row")


class Page(_Shape, Generic[Row]):
    """Some rows in order of their ids."""

    as_of: Timestamp
    items: list[Row]
    next: Annotated[str | None, Field(description="Path of the next page; null on the last one")]


class Score(_Shape):
    """The prediction from one row of given features."""

    predicted_probability: Annotated[float, Field(ge=0, le=1)]
    predicted_label: bool


class ScoredRows(_Shape):
    """Predictions from given features, in the order of the rows."""

    model_name: str
    model_version: str | None
    skill_state: SkillState
    predictions: list[Score]


class Model(_Shape):
    """The version of a model that serves, or why there is none."""

    model_name: str
    status: Annotated[str, Field(description="`trained` when it answers")]
    reason: Annotated[str | None, Field(description="Why it does not answer")]
    model_version: str | None
    skill_state: SkillState
    prediction_count: int


class Models(_Shape):
    """All models of the published warehouse."""

    as_of: Timestamp
    models: list[Model]


class Healthy(_Shape):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(_Shape):
    """Predictions can be given."""

    status: Literal["ready"] = "ready"
    as_of: Timestamp


def prediction(row: PublishedRow) -> Prediction:
    """Returns a published row as it is shown."""
    return Prediction.model_validate(row)


def amount(published: PublishedRows, found: FinalAmount) -> Amount:
    """Returns the amounts of a project as they are shown."""
    shown = Amount.model_validate(found)
    return shown.model_copy(update={"skill_state": published.amount_run.skill_state})


def models(published: PublishedRows) -> Models:
    """Returns what serves."""
    run = published.amount_run
    amounts = Model(
        model_name="final_amount",
        status=run.status,
        reason=run.reason,
        model_version=run.model_version,
        skill_state=run.skill_state,
        prediction_count=len(published.amounts),
    )
    others = [_model(each) for each in published.models.values()]
    return Models(as_of=published.as_of, models=[*others, amounts])


def _model(model: PublishedModel) -> Model:
    run, problem = model.run, model.problem
    return Model(
        model_name=model.name,
        status="not available" if problem else "trained",
        reason=str(problem) if problem else None,
        model_version=run.model_version if run else None,
        skill_state=run.skill_state if run else None,
        prediction_count=len(model.rows),
    )
