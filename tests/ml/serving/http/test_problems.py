"""Every error has one shape and says what to do."""

from typing import Any

import pytest

from tests.ml.serving.http.conftest import Serve, Shop

HOSTILE = ["'; drop table ml.predictions; --", "<script>alert(1)</script>", "\u202e", "{{7*7}}"]


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem of an answer, once its shape is what RFC 9457 asks for."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    return body


def test_what_is_unknown_or_over_is_said_with_a_hint(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    body = problem(client.get("/v1/projects/999999/success"), 404)
    assert body["type"] == "urn:problem:unknown-id"
    assert "there is no project 999999" in body["detail"]
    assert "GET /v1/projects" in body["detail"]
    body = problem(client.get("/v1/projects/1/success"), 409)
    assert body["type"] == "urn:problem:not-live"
    assert "project 1 is failed" in body["detail"]
    assert problem(client.get("/nowhere"), 404)["type"] == "about:blank"
    assert problem(client.get("/v1/projects/"), 404)
    for method in ("DELETE", "PUT", "TRACE", "POST"):
        answer = client.request(method, "/v1/models")
        problem(answer, 405)
        assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/projects/abc/success", "path.project_id"),
        ("/v1/projects/%00/success", "path.project_id"),
        ("/v1/projects/%FF/success", "path.project_id"),
        ("/v1/projects/1_0/success", "path.project_id"),
        ("/v1/projects/%201/success", "path.project_id"),
        ("/v1/projects/%D9%A1/success", "path.project_id"),
        (f"/v1/projects/{2**63}/success", "path.project_id"),
        (f"/v1/milestones/{10**400}/risk", "path.milestone_id"),
        ("/v1/projects?limit=0", "query.limit"),
        ("/v1/projects?status=over", "query.status"),
        ("/v1/milestones?after=x", "query.after"),
    ],
)
def test_a_malformed_request_names_the_field(
    shop: Shop, serve: Serve, path: str, field: str
) -> None:
    body = problem(serve(shop.folder).get(path), 422)
    assert [each["field"] for each in body["errors"]] == [field]
    assert field in body["detail"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_everywhere_and_changes_nothing(
    shop: Shop, serve: Serve, text: str
) -> None:
    client, before = serve(shop.folder), shop.ask("select count(*) from ml.predictions")
    features = {"category": text}
    for answer in (
        client.get("/v1/projects/" + text.replace("/", "%2F") + "/success"),
        client.get("/v1/projects", params={"status": text}),
        client.get("/v1/projects", params={"after": text}),
        client.get("/v1/models", headers={"X-API-Key": text.encode()}),
        client.post("/v1/projects/success", json={"rows": [features], text: 1}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "<script" not in answer.text
    named = client.get("/v1/models", headers={"X-Request-ID": text.encode()})
    assert named.status_code in (200, 422)  # what is printable is a name like any other
    assert shop.ask("select count(*) from ml.predictions") == before
    assert shop.logged() == []


def test_methods_without_end_are_one_in_the_metrics(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    for method in ("BREW", "PROPFIND"):
        problem(client.request(method, "/v1/models"), 405)
    text = client.get("/metrics").text
    assert 'method="other",route="/v1/models",status="405"' in text
    assert "BREW" not in text


@pytest.mark.parametrize("name", [b"", b"x" * 201, b"two words", b"\xff", b"tab\t"])
def test_a_request_has_a_printable_name(shop: Shop, serve: Serve, name: bytes) -> None:
    answer = serve(shop.folder).get("/v1/models", headers={"X-Request-ID": name})
    assert problem(answer, 422)["errors"][0]["field"] == "header.X-Request-ID"


def test_a_bug_is_a_500_without_its_text(
    shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("ml.serving.http.answers.models", broken)
    body = problem(serve(shop.folder).get("/v1/models"), 500)
    assert "secret" not in str(body)
