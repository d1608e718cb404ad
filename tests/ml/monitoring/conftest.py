"""A finished platform that is monitored in part."""

from typing import Any

import pytest


@pytest.fixture
def projects(finished: Any) -> Any:
    """A finished platform on which projects alone are monitored from now on."""
    finished.keep_only("project_success")
    return finished
