"""The features a caller may give: the contract of the published warehouse as a schema."""

from functools import lru_cache
from itertools import islice
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import from_json

from ml.serving.http.problems import MAX_ERRORS, malformed
from ml.serving.published_rows import Feature
from ml.serving.scoring import Columns

MAX_ROWS = 1_000
_MAX_NUMBER = 1e15  # of either sign: as far as cents are exact in a float
_MAX_TEXT = 200
_MAX_NAME = 100  # of an unknown feature, which an error repeats
_CLOSED = ConfigDict(extra="forbid", strict=True)

_Contract = tuple[Feature, ...]


def shape(entity: str, features: _Contract) -> type[BaseModel]:
    """Returns the model of a body: 1 to MAX_ROWS rows of all features, null where unknown."""
    row = _row_shape(entity, features)
    rows = Annotated[list[row], Field(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]
    return create_model(f"{entity.capitalize()}Rows", __config__=_CLOSED, rows=(rows, ...))


@lru_cache(maxsize=8)
def _row_shape(entity: str, features: _Contract) -> type[BaseModel]:
    fields: dict[str, Any] = {
        each.name: (_type(each.data_type), Field(description=each.description)) for each in features
    }
    return create_model(f"{entity.capitalize()}Features", __config__=_CLOSED, **fields)


def _flag(value: Any) -> Any:
    return value == 1 if type(value) in (int, float) and value in (0, 1) else value


_Flag = Annotated[  # ml.prediction_inputs has 0.0 and 1.0
    bool, BeforeValidator(_flag), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": [0, 1]}]})
]


def _type(data_type: str) -> Any:
    if data_type == "boolean":
        return _Flag | None
    if data_type == "varchar":
        return Annotated[str, Field(max_length=_MAX_TEXT)] | None
    number = Field(ge=-_MAX_NUMBER, le=_MAX_NUMBER, allow_inf_nan=False)
    return Annotated[float, number] | None


def columns_of(entity: str, features: _Contract, body: bytearray) -> Columns:
    """Returns the values of each feature, one per row.

    Raises:
        RequestProblemError: The body is not JSON, or breaks the contract.
    """
    row_shape = _row_shape(entity, features)
    made: list[BaseModel] = []
    wrong: list[dict[str, Any]] = []
    for number, row in enumerate(_rows(body)):
        found = [] if (unknown := _unknown(row, row_shape)) else _checked(row, row_shape, made)
        wrong += [each | {"loc": ("rows", number, *each["loc"])} for each in unknown or found]
        if len(wrong) > MAX_ERRORS:  # a mebibyte has room for a hundred thousand
            break
    if wrong:
        raise malformed(wrong)
    return {
        each.name: [
            float(value) if isinstance(value, bool) else value
            for value in (getattr(row, each.name) for row in made)
        ]
        for each in features
    }


def _rows(body: bytearray) -> list[Any]:
    try:
        given = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise malformed([{"loc": (), "msg": f"no JSON: {error}"}]) from error
    if not isinstance(given, dict) or given.keys() != {"rows"}:
        raise malformed([{"loc": (), "msg": "must be an object with `rows` and nothing else"}])
    rows = given["rows"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise malformed([{"loc": ("rows",), "msg": f"must be a list of 1 to {MAX_ROWS:,} rows"}])
    return rows


def _unknown(row: Any, row_shape: type[BaseModel]) -> list[dict[str, Any]]:
    """Returns what is wrong with the names of a row, before anything is made of its values."""
    if not isinstance(row, dict):
        return [{"loc": (), "msg": "must be an object of features"}]
    if row.keys() <= row_shape.model_fields.keys():
        return []
    names = (name for name in row if name not in row_shape.model_fields)
    return [
        {"loc": (name[:_MAX_NAME],), "msg": "no feature of the contract"}
        for name in islice(names, MAX_ERRORS + 1)
    ]


def _checked(row: dict[str, Any], row_shape: type[BaseModel], made: list[BaseModel]) -> list[Any]:
    """Adds what a row gives to what was made; returns what is wrong with it instead."""
    try:
        made.append(row_shape.model_validate(row))
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False, include_context=False)
    return []
