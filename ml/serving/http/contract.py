"""The features a caller may give: the contract of the published warehouse as a schema."""

import asyncio
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ml.serving.http.problems import RequestProblemError, malformed
from ml.serving.published_rows import Feature
from ml.serving.scoring import Columns

MAX_BYTES = 1_048_576
MAX_ROWS = 1_000
BODY_SECONDS = 10
_MAX_NUMBER = 1e15  # of either sign: as far as cents are exact in a float
_MAX_TEXT = 200

_Contract = tuple[Feature, ...]


@lru_cache(maxsize=8)
def shape(entity: str, features: _Contract) -> type[BaseModel]:
    """Returns the model of a body: 1 to MAX_ROWS rows of all features, null where unknown."""
    config = ConfigDict(extra="forbid", strict=True)
    fields: dict[str, Any] = {
        each.name: (_type(each.data_type), Field(description=each.description)) for each in features
    }
    name = entity.capitalize()
    row = create_model(f"{name}Features", __config__=config, **fields)
    rows = Annotated[list[row], Field(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]
    return create_model(f"{name}Rows", __config__=config, rows=(rows, ...))


def _type(data_type: str) -> Any:
    if data_type == "boolean":
        return bool | None
    if data_type == "varchar":
        return Annotated[str, Field(max_length=_MAX_TEXT)] | None
    number = Field(ge=-_MAX_NUMBER, le=_MAX_NUMBER, allow_inf_nan=False)
    return Annotated[float, number] | None


async def body_of(request: Request) -> bytes:
    """Reads a JSON body.

    Raises:
        RequestProblemError: It is of another type, too large or too slow.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestProblemError(415, "media-type", "the body must be application/json")
    body = bytearray()
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        detail = f"the body was not whole within {BODY_SECONDS} seconds"
        raise RequestProblemError(408, "body-too-slow", detail) from error
    return bytes(body)


def _too_large() -> RequestProblemError:
    return RequestProblemError(
        413, "body-too-large", f"the body has more than {MAX_BYTES:,} bytes: send fewer rows"
    )


def columns_of(entity: str, features: _Contract, body: bytes) -> Columns:
    """Returns the values of each feature, one per row.

    Raises:
        RequestProblemError: The body is not JSON, or breaks the contract.
    """
    try:
        given: Any = shape(entity, features).model_validate_json(body)
    except ValidationError as error:
        raise malformed(error.errors(include_url=False, include_input=False)) from error
    return {
        each.name: [
            float(value) if isinstance(value, bool) else value
            for value in (getattr(row, each.name) for row in given.rows)
        ]
        for each in features
    }
