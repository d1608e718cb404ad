"""One finished run of the product for the journeys of a module."""

import pytest

from tests.journeys.clone import Clone


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after its first `make run`."""
    clone = Clone(tmp_path_factory.mktemp("product"))
    code, clone.first_output = clone.make("run")
    assert code == 0, clone.first_output
    return clone
