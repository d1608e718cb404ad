"""What can be asked, and by whom."""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Mapping
from random import Random
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator

from ml.serving.http import answers, contract, metrics
from ml.serving.http.edge import REQUEST_ID
from ml.serving.http.service import Service
from ml.serving.predictor import find
from ml.serving.published_rows import NoModelError

_BOUND = 2**63
_CHANCE = Random()  # costs no system call, unlike the uuid module


def _plain(text: Any) -> Any:
    """Refuses what `int` would take besides a JSON integer: spaces, underscores, a plus."""
    if isinstance(text, str) and not re.fullmatch(r"-?[0-9]{1,19}(\.0+)?", text, re.ASCII):
        raise ValueError("must be a whole number")
    return text


# bounds come before the validator, or the document would not show them
EntityId = Annotated[int, Path(ge=-_BOUND, le=_BOUND - 1), BeforeValidator(_plain)]
After = Annotated[
    int | None,
    Query(ge=-_BOUND, le=_BOUND - 1, description="Rows with larger ids"),
    BeforeValidator(_plain),
]
Limit = Annotated[
    int,
    Query(ge=1, le=1000, description="Rows of one page, at most"),
    BeforeValidator(_plain),
]
RequestId = Annotated[
    str | None,
    Header(
        alias=REQUEST_ID,
        pattern="^[!-~]{1,200}$",
        description="Names the request: repeated under the same name, it is one prediction",
    ),
]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _named(request: Request, request_id: RequestId = None) -> None:
    request.state.request_id = request_id or f"{_CHANCE.getrandbits(128):032x}"


async def _counted(request: Request) -> None:
    """Names the client and counts one prediction, however wrong the rest of the request is."""
    service = _service(request)
    request.state.client = service.clients.of(request)
    request.state.quota = await service.take(request.state.client)


router = APIRouter()
# Their results are left in the state of the request: FastAPI takes 20 µs for each that a route asks
# for again.
limited = APIRouter(dependencies=[Depends(_named), Depends(_counted)])


def _json(shown: BaseModel) -> Response:
    return Response(shown.model_dump_json(), media_type="application/json")


@limited.get(
    "/v1/projects/{project_id}/success", response_model=answers.Prediction, tags=["projects"]
)
async def project_success(project_id: EntityId, request: Request) -> Response:
    """Returns the probability that a live project reaches its goal."""
    return await _predict(request, "project", project_id)


@limited.get(
    "/v1/milestones/{milestone_id}/risk",
    response_model=answers.Prediction,
    tags=["milestones"],
)
async def milestone_risk(milestone_id: EntityId, request: Request) -> Response:
    """Returns the probability that a started milestone is rejected, late or never delivered."""
    return await _predict(request, "milestone", milestone_id)


async def _predict(request: Request, entity: str, entity_id: int) -> Response:
    state = request.state
    row = await _service(request).predict(entity, entity_id, state.client, state.request_id)
    return _json(answers.prediction(row))


@limited.get("/v1/projects/{project_id}/amount", response_model=answers.Amount, tags=["projects"])
async def project_amount(project_id: EntityId, request: Request) -> Response:
    """Returns what a live project will have raised by its deadline, as an interval."""
    service = _service(request)
    published = await service.rows()
    found = published.amounts.get(project_id)
    if found is None or found.final_amount_median is None:
        run = published.amount_run
        if run.status != "trained":
            raise NoModelError(f"final_amount has no model: {run.reason or run.status}")
        if found is None and not _is_live(published.models, project_id):
            raise await service.absence("project", project_id)
        raise NoModelError(f"final_amount has no interval of project {project_id}: too few ended")
    return _json(answers.amount(published, found))


def _is_live(models: Mapping[str, Any], project_id: int) -> bool:
    return "project" in models and project_id in models["project"].rows


@limited.get(
    "/v1/projects",
    response_model=answers.Page[answers.Prediction],
    tags=["projects"],
)
async def live_projects(
    request: Request,
    status: Literal["live"] = "live",
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Lists the predictions of live projects, in order of their ids. A page costs one."""
    return await _page(request, "project", f"/v1/projects?status={status}", after, limit)


@limited.get(
    "/v1/milestones",
    response_model=answers.Page[answers.Prediction],
    tags=["milestones"],
)
async def open_milestones(
    request: Request,
    status: Literal["open"] = "open",
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Lists the predictions of started milestones, in order of their ids. A page costs one."""
    return await _page(request, "milestone", f"/v1/milestones?status={status}", after, limit)


async def _page(
    request: Request, entity: str, path: str, after: int | None, limit: int
) -> Response:
    published = await _service(request).rows()
    find(published, entity, 0)  # raises where there is no model
    rows = published.models[entity].rows
    ids = published.models[entity].ids
    start = 0 if after is None else bisect_right(ids, after)
    chosen = ids[start : start + limit]
    more = start + limit < len(ids)
    return _json(
        answers.Page[answers.Prediction](
            as_of=published.as_of,
            items=[answers.prediction(rows[each]) for each in chosen],
            next=f"{path}&limit={limit}&after={chosen[-1]}" if more else None,
        )
    )


@limited.post("/v1/projects/success", response_model=answers.ScoredRows, tags=["projects"])
async def score_projects(request: Request) -> Response:
    """Predicts success from given features. Costs one prediction a row; is not logged."""
    return await _score(request, "project")


@limited.post("/v1/milestones/risk", response_model=answers.ScoredRows, tags=["milestones"])
async def score_milestones(request: Request) -> Response:
    """Predicts high risk from given features. Costs one prediction a row; is not logged."""
    return await _score(request, "milestone")


async def _score(request: Request, entity: str) -> Response:
    service = _service(request)
    async with service.bodies.read(request) as body:
        published = await service.rows()
        features = published.features.get(entity, ())
        columns = await asyncio.to_thread(contract.columns_of, entity, features, body)
        count = len(next(iter(columns.values())))
        if count > 1:  # the first was counted before the body was read
            request.state.quota = await service.take_more(request.state.client, count)
        model = published.models[entity]
        found = await service.score(model, columns)
    return _json(
        answers.ScoredRows(
            model_name=model.name,
            model_version=model.run.model_version if model.run else None,
            skill_state=model.run.skill_state if model.run else None,
            predictions=[answers.Score.model_validate(each) for each in found],
        )
    )


@limited.get("/v1/models", response_model=answers.Models, tags=["service"])
async def models(request: Request) -> Response:
    """Lists the models, which version serves, and whether its skill is proven."""
    return _json(answers.models(await _service(request).rows()))


@router.get("/healthz", response_model=answers.Healthy, tags=["service"])
async def healthz() -> Response:
    """Says that the process answers."""
    return _json(answers.Healthy())


@router.get("/readyz", response_model=answers.Ready, tags=["service"])
async def readyz(request: Request) -> Response:
    """Says whether predictions can be given; 503 with what to run where they cannot."""
    service = _service(request)
    published = await service.rows()
    problems = [each.problem for each in published.models.values() if each.problem]
    if len(problems) == len(published.models):
        raise problems[0].with_traceback(None)
    await service.check()
    return _json(answers.Ready(as_of=published.as_of))


@router.get("/metrics", tags=["service"], response_class=Response)
async def prometheus() -> Response:
    """Returns the metrics of all workers in the text format of Prometheus."""
    return Response(metrics.exposed(), media_type=metrics.CONTENT_TYPE_LATEST)
