"""Reads a TOML file into a typed shape; the message for a wrong file names file, key and value."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ml.errors import MlError

Shape = TypeVar("Shape")
Schema = dict[str, Any]

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
CLOSED = ConfigDict(extra="forbid")  # of every shape: a key that nobody reads is a mistake


class SettingsError(MlError):
    """A settings file cannot be used as it is."""


def read(path: Path, shape: type[Shape]) -> Shape:
    """Reads a file and checks it against a pydantic model.

    Raises:
        SettingsError: The file is missing, is not TOML, or a key is missing, unknown or wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML ({error})") from error
    adapter = TypeAdapter(shape)
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        # a misspelt key is also a missing one: what stands in the file is named first
        problem = min(error.errors(), key=lambda each: each["type"] not in _UNKNOWN)
        raise SettingsError(f"{path}: {_message(problem, adapter.json_schema())}") from error


def _message(problem: Any, schema: Schema) -> str:
    """Returns what is wrong with which key, in the terms of the schema at that place."""
    place = [each for each in problem["loc"] if each != "[key]"]
    key = ".".join(each for each in place if isinstance(each, str))
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] in _UNKNOWN:
        return f"{key} is unknown; known here: {', '.join(_at(schema, place[:-1])['properties'])}"
    if problem["type"] == "value_error":
        return f"{key} {problem['ctx']['error']}"
    if "[key]" in problem["loc"]:
        if problem["type"] == "literal_error":
            return f"{key} is unknown; known here: {problem['ctx']['expected']}"
        return f"{key} must be a lower-case name"
    allowed = _allowed(_at(schema, place))
    subject = f"{key}: each" if isinstance(place[-1], int) else key
    return f"{subject} must be {allowed}, not {problem['input']!r}"


def _at(schema: Schema, place: list[Any]) -> Schema:
    """Returns the part of a JSON schema that describes the value at a place of the file."""
    node = schema
    for step in [*place, None]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if isinstance(step, int):
            node = node["items"]
        elif step is not None:
            inner = node.get("properties", {})
            node = inner[step] if step in inner else _of_any_key(node)
    return node


def _of_any_key(node: Schema) -> Schema:
    patterns: Schema = node.get("patternProperties", {})
    return next(iter(patterns.values()), node.get("additionalProperties", {}))


def _allowed(node: Schema) -> str:
    """Returns what a value must be."""
    if "description" in node and "properties" not in node:
        return str(node["description"])
    if "enum" in node or "const" in node:
        return f"one of {', '.join(node.get('enum') or [node['const']])}"
    if node.get("type") in ("integer", "number"):
        kind = "a whole number" if node["type"] == "integer" else "a number"
        return f"{kind} from {node['minimum']:.10g} to {node['maximum']:.10g}"
    if node.get("type") == "array":
        count = f" {node['maxItems']}" if node.get("minItems") == node.get("maxItems", -1) else ""
        return f"a list of{count}: {_allowed(node['items'])}"
    if node.get("type") == "string":
        return "a text that is not empty"
    return "a table"
