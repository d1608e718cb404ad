"""One shape for every error: problem details (RFC 9457)."""

import math
import sys
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ml.errors import MlError
from ml.serving.http.clients import KeysError, UnknownKeyError
from ml.serving.log import LogError
from ml.serving.predictor import NameUnusableError, NotLiveError, UnknownEntityError
from ml.serving.rate_limit import RateLimitError, RateLimitExceededError, RequestTooLargeError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20  # a body of a thousand rows may have a mistake in each


class WrongField(BaseModel):
    """What is wrong with one field of a request."""

    field: Annotated[str, Field(description="Where it is, e.g. `path.project_id`")]
    message: str


class Problem(BaseModel):
    """Why a request was not answered."""

    type: Annotated[str, Field(description="Names the kind of problem; it does not change")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What happened, and what to do")]
    errors: Annotated[
        list[WrongField], Field(description=f"The wrong fields, {MAX_ERRORS} at most")
    ] = []


class RequestProblemError(MlError):
    """A request that cannot be answered as it is."""

    def __init__(
        self, status: int, kind: str, detail: str, errors: Sequence[WrongField] = ()
    ) -> None:
        """Takes the status, the name of the kind of problem, what happened, and where."""
        super().__init__(detail)
        self.status, self.kind, self.errors = status, kind, errors


_KINDS: tuple[tuple[type[MlError], int, str], ...] = (
    (UnknownEntityError, 404, "unknown-id"),
    (NotLiveError, 409, "not-live"),
    (RequestTooLargeError, 413, "more-than-the-limit"),
    (NameUnusableError, 422, "malformed"),
    (RateLimitExceededError, 429, "limit-exceeded"),
    (UnknownKeyError, 401, "unknown-key"),
    (KeysError, 503, "keys-not-read"),
    (RateLimitError, 503, "limit-not-kept"),
    (LogError, 503, "log-not-written"),
)
_HINTS = {
    UnknownEntityError: ". GET /v1/projects and /v1/milestones list what has predictions",
    RequestTooLargeError: "; the service may be started with a higher LIMIT",
}
_PRIVATE = (RateLimitError, LogError)  # their text names files and hosts


def install(app: FastAPI) -> None:
    """Makes every error of an application a problem."""
    app.add_exception_handler(MlError, _of_ml)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_bug)


def wrong_fields(errors: Sequence[Any]) -> list[WrongField]:
    """Returns what pydantic found wrong."""
    return [
        WrongField(field=".".join(map(str, each["loc"])) or "body", message=each["msg"])
        for each in errors[:MAX_ERRORS]
    ]


def malformed(errors: Sequence[Any]) -> RequestProblemError:
    """Returns the problem of a request with wrong fields."""
    fields = wrong_fields(errors)
    named = ", ".join(dict.fromkeys(each.field for each in fields))
    more = " and more" if len(errors) > len(fields) else ""
    return RequestProblemError(422, "malformed", f"wrong: {named}{more}", fields)


async def _of_ml(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestProblemError):
        return _response(error.status, error.kind, str(error), errors=error.errors)
    known = (each for each in _KINDS if isinstance(error, each[0]))
    kind, status, name = next(known, (MlError, 503, "not-available"))
    detail = str(error) + _HINTS.get(kind, "")
    headers = {}
    if isinstance(error, RateLimitExceededError):
        request.state.quota = error.quota
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "ApiKey"
    if isinstance(error, _PRIVATE):
        print(f"serve: {error}", file=sys.stderr, flush=True)
        detail = "no answer without it; what is wrong stands in the output of the service"
    return _response(status, name, detail, headers=headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _of_ml(request, malformed(error.errors()))


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "GET /openapi.json lists what there is" if error.status_code == 404 else error.detail
    return _response(error.status_code, "about:blank", detail, headers=dict(error.headers or {}))


async def _of_bug(_: Request, error: Exception) -> Response:
    return _response(500, "about:blank", "a bug; it stands in the output of the service")


def _response(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: Sequence[WrongField] = (),
) -> Response:
    title = HTTPStatus(status).phrase
    if kind != "about:blank":
        title = kind.replace("-", " ").capitalize()
        kind = f"urn:problem:{kind}"
    body = Problem(type=kind, title=title, status=status, detail=detail, errors=list(errors))
    content = body.model_dump_json(exclude_defaults=True)
    return Response(content, status, headers=headers, media_type=MEDIA_TYPE)
