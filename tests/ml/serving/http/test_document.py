"""The OpenAPI document, and that the service keeps to it whatever it is asked."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ml.serving.http import document
from ml.serving.http.app import create
from ml.serving.http.options import Options
from tests.ml.serving.http.conftest import Serve

ROUTES = (
    "GET /v1/projects/{project_id}/success",
    "GET /v1/milestones/{milestone_id}/risk",
    "GET /v1/projects/{project_id}/amount",
    "GET /v1/projects",
    "GET /v1/milestones",
    "POST /v1/projects/success",
    "POST /v1/milestones/risk",
    "GET /v1/models",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def schema(whole_world: Path) -> Any:
    import schemathesis

    application = create(Options(warehouse=whole_world, limit=0))
    return schemathesis.openapi.from_asgi("/openapi.json", application)


def test_the_document_is_made_once_per_contract(
    whole_world: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, made = document.build, []

    def noted(*given: Any) -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()  # nobody else waits for it
        made.append(given)
        return build(*given)

    monkeypatch.setattr(document, "build", noted)
    client = serve(whole_world)
    assert client.get("/openapi.json").json() == client.get("/openapi.json").json()
    assert len(made) == 1


@pytest.mark.parametrize("examples", [20, pytest.param(100, marks=pytest.mark.journey)])
@pytest.mark.parametrize(
    ("route", "mode"),
    [
        (route, mode)
        for route in ROUTES
        for mode in ("positive", "negative")
        if "/v1/" in route or mode == "positive"  # nothing can be asked wrongly of the others
    ],
)
def test_every_answer_is_one_that_the_document_declares(
    schema: Any, route: str, mode: str, examples: int
) -> None:
    from schemathesis import GenerationMode  # costs each worker half a second, also the other

    method, path = route.split()

    @given(schema[path][method].as_strategy(generation_mode=GenerationMode(mode)))
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate()

    check()
