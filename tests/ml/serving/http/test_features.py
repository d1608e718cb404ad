"""Predictions from given features: the contract is the schema, the number is that of the batch."""

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.ml.serving.http.conftest import Serve, Shop
from tests.ml.serving.http.test_problems import problem

ROUTES = {"project": "/v1/projects/success", "milestone": "/v1/milestones/risk"}
NAMES = {"project": "project_success", "milestone": "milestone_risk"}


def given(shop: Shop, entity: str) -> tuple[list[float], list[dict[str, Any]]]:
    """The published probabilities of what is live, and the features that they were made from."""
    found = shop.ask(
        "select predicted_probability, feature_values"
        " from ml.predictions inner join ml.prediction_inputs using (prediction_id)"
        f" where model_name = '{NAMES[entity]}' and snapshot_kind = 'current'"
        " and feature_values not like '%known_outcome%' order by entity_id"
    )
    return [probability for probability, _ in found], [json.loads(text) for _, text in found]


@pytest.mark.parametrize("entity", ROUTES)
def test_the_features_of_a_batch_row_give_its_very_number_alone_and_together(
    shop: Shop, serve: Serve, entity: str
) -> None:
    client, (probabilities, rows) = serve(shop.folder), given(shop, entity)
    assert len(rows) > 10
    answer = client.post(ROUTES[entity], json={"rows": rows}).json()
    found = answer["predictions"]
    assert [each["predicted_probability"] for each in found] == probabilities
    assert [each["predicted_label"] for each in found] == [each >= 0.5 for each in probabilities]
    flags = shop.ask(
        "select feature from features.feature_catalogue"
        f" where entity = '{entity}' and data_type = 'boolean'"
    )
    plain = [row | {name: bool(row[name]) for (name,) in flags} for row in rows]
    assert client.post(ROUTES[entity], json={"rows": plain}).json() == answer
    [alone] = client.post(ROUTES[entity], json={"rows": rows[3:4]}).json()["predictions"]
    assert alone["predicted_probability"] == probabilities[3]
    many = client.post(ROUTES[entity], json={"rows": (rows * 1000)[:1000]})
    assert len(many.json()["predictions"]) == 1000
    batch = next(iter(shop.batch(NAMES[entity]).values()))
    assert answer["model_version"] == batch["model_version"]
    assert shop.logged() == []


def test_a_new_model_scores_after_a_publish(shop: Shop, serve: Serve) -> None:
    client, (probabilities, rows) = serve(shop.folder), given(shop, "project")
    client.post(ROUTES["project"], json={"rows": rows[:1]})
    versions = shop.ask(
        "select model_version, artifact_sha256 from ml.model_runs"
        " where model_name = 'project_success' and status = 'trained' and not is_champion"
    )
    shop.publish(
        "update ml.model_runs set is_champion = not is_champion"
        " where model_name = 'project_success' and status = 'trained'"
    )
    answer = client.post(ROUTES["project"], json={"rows": rows[:1]})
    assert answer.json()["model_version"] in [version for version, _ in versions]
    assert answer.json()["predictions"][0]["predicted_probability"] != probabilities[0]


@pytest.fixture
def asked(shop: Shop, serve: Serve) -> tuple[TestClient, dict[str, Any]]:
    """A client, and a row of features that is right."""
    return serve(shop.folder), given(shop, "project")[1][0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"funding_goal": "a lot"}, "rows.0.funding_goal"),
        ({"funding_goal": True}, "rows.0.funding_goal"),
        ({"funding_goal": 1e16}, "rows.0.funding_goal"),
        ({"pledge_count": 10**400}, "rows.0.pledge_count"),
        ({"pledge_count": -(2**64)}, "rows.0.pledge_count"),
        ({"is_first_time_creator": 2}, "rows.0.is_first_time_creator"),
        ({"category": 7}, "rows.0.category"),
        ({"category": "x" * 201}, "rows.0.category"),
        ({"is_successful": True}, "rows.0.is_successful"),
    ],
)
def test_a_value_against_the_contract_is_named(
    asked: tuple[TestClient, dict[str, Any]], change: dict[str, Any], field: str
) -> None:
    client, row = asked
    answer = client.post(ROUTES["project"], json={"rows": [row | change]})
    assert problem(answer, 422)["errors"][0]["field"].startswith(field)
    del row["funding_goal"]
    answer = client.post(ROUTES["project"], json={"rows": [row]})
    assert problem(answer, 422)["errors"] == [
        {"field": "rows.0.funding_goal", "message": "Field required"}
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"{}", b'{"rows": []}', b'{"rows": {}}', b"\xff\xfe", b"\x00",
        b'{"rows": [{"category": "\xff"}]}', b'{"rows": [NaN]}', b"[" * 100_000,
        b'{"rows": [{"category": "\\ud800"}]}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_rows_is_a_422(
    asked: tuple[TestClient, dict[str, Any]], body: bytes
) -> None:
    answer = asked[0].post(
        ROUTES["project"], content=body, headers={"Content-Type": "application/json"}
    )
    assert problem(answer, 422)["errors"]


def test_mistakes_without_end_are_cut_and_counted(
    asked: tuple[TestClient, dict[str, Any]],
) -> None:
    client, row = asked
    answer = client.post(ROUTES["project"], json={"rows": [dict.fromkeys(row, "x" * 300)] * 50})
    body = problem(answer, 422)
    assert len(body["errors"]) == 20
    assert "more" in body["detail"]
    names = {f"{number:03x}": 0 for number in range(100_000)}
    body = problem(client.post(ROUTES["project"], json={"rows": [names]}), 422)
    assert [each["field"] for each in body["errors"]] == [
        f"rows.0.{each:03x}" for each in range(20)
    ]
    answer = client.post(ROUTES["project"], json={"rows": [row] * 1001})
    assert problem(answer, 422)["errors"][0]["field"] == "rows"


def test_a_body_is_json_and_at_most_a_mebibyte(
    asked: tuple[TestClient, dict[str, Any]],
) -> None:
    client, row = asked
    kind = {"Content-Type": "application/json"}
    problem(client.post(ROUTES["project"], content=b"x" * 10_000_000, headers=kind), 413)
    chunks = (b"x" * 100_000 for _ in range(100))
    problem(client.post(ROUTES["project"], content=chunks, headers=kind), 413)
    for other in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(
            ROUTES["project"], content=json.dumps({"rows": [row]}), headers={"Content-Type": other}
        )
        problem(answer, 415)


def test_a_body_that_never_ends_is_given_up(
    shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.serving.http.bodies.BODY_SECONDS", 0.01)
    client, sent = serve(shop.folder), []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": ROUTES["project"], "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "client": ("203.0.113.7", 1),
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


def test_bodies_beyond_the_bound_of_all_are_refused(
    asked: tuple[TestClient, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.serving.http.bodies.MAX_HELD_BYTES", 100)
    refused = problem(asked[0].post(ROUTES["project"], json={"rows": [asked[1]]}), 503)
    assert refused["type"] == "urn:problem:too-many-bodies"


def test_a_model_without_a_feature_of_the_contract_says_which(shop: Shop, serve: Serve) -> None:
    client, (_, rows) = serve(shop.folder), given(shop, "project")
    shop.publish("delete from features.feature_catalogue where feature = 'country'")
    for row in rows:
        del row["country"]
    answer = client.post(ROUTES["project"], json={"rows": rows})
    assert "lacks 'country', which project_success reads" in problem(answer, 503)["detail"]


def test_the_document_has_the_published_contract(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    rows = schemas["ProjectFeatures"]
    features = dict(
        shop.ask(
            "select feature, description from features.feature_catalogue where entity = 'project'"
        )
    )
    assert {name: each["description"] for name, each in rows["properties"].items()} == features
    assert set(rows["required"]) == set(features)
    shop.publish("delete from features.feature_catalogue where feature = 'country'")
    after = client.get("/openapi.json").json()["components"]["schemas"]["ProjectFeatures"]
    assert set(features) - set(after["properties"]) == {"country"}
