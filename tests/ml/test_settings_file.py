"""The messages of the one reader of settings: file, key, value, and what is allowed."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, StrictInt

from ml import settings_file
from ml.settings import Name
from ml.settings_file import CLOSED, SettingsError


class Inner(BaseModel):
    """A table in a table."""

    model_config = CLOSED

    count: Annotated[StrictInt, Field(ge=1, le=9)]
    kinds: list[Literal["a", "b"]]


class Shape(BaseModel):
    """A file."""

    model_config = CLOSED

    inner: dict[Name, Inner]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "inner is missing"),
        ("inner = 3", "inner must be a table, not 3"),
        ("[inner.x]\nkinds = []", "inner.x.count is missing"),
        (
            "[inner.x]\ncount = 0\nkinds = []",
            "inner.x.count must be a whole number from 1 to 9, not 0",
        ),
        ("[inner.x]\ncuont = 3\nkinds = []", "inner.x.cuont is unknown; known here: count, kinds"),
        (
            "[inner.x]\ncount = 3\nkinds = ['a', 'c']",
            "inner.x.kinds: each must be one of a, b, not 'c'",
        ),
        (
            "[inner.x]\ncount = 3\nkinds = 'a'",
            "inner.x.kinds must be a list of: one of a, b, not 'a'",
        ),
        ("[inner.X]\ncount = 3\nkinds = []", "inner.X must be a lower-case name"),
        ("outer = 1", "outer is unknown; known here: inner"),
    ],
)
def test_a_wrong_file_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings_file.read(path, Shape)
    assert str(caught.value) == f"{path}: {message}"


def test_what_is_right_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text("[inner.x]\ncount = 3\nkinds = ['a']")
    assert settings_file.read(path, Shape).inner["x"].count == 3
