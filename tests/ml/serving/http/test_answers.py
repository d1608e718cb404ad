"""Answers over HTTP: the very rows of the batch, from the file that is published now."""

import shutil
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from ml.serving import collect, published_rows
from ml.warehouse import open_warehouse
from tests.ml.serving.http.conftest import Serve, Shop
from tests.ml.serving.test_predictor import RUN

ROUTES = {
    "project_success": "/v1/projects/{}/success",
    "milestone_risk": "/v1/milestones/{}/risk",
}
LISTS = {"project_success": "/v1/projects?status=live", "milestone_risk": "/v1/milestones"}
IN_BATCH = (
    "prediction_id", "model_name", "model_version", "entity_id", "snapshot_at", "snapshot_kind",
    "is_decided", "predicted_probability", "predicted_label", "predicted_at",
)  # fmt: skip


def values(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer and a row of the batch have in common, as the table has it."""
    found = {name: answer[name] for name in IN_BATCH}
    for name in ("snapshot_at", "predicted_at"):
        assert found[name].endswith("Z")
        found[name] = datetime.fromisoformat(found[name]).astimezone(UTC).replace(tzinfo=None)
    return found


def expected(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in IN_BATCH}


@pytest.mark.parametrize("name", ROUTES)
def test_an_answer_is_the_very_row_of_the_batch_and_stands_in_the_log(
    shop: Shop, serve: Serve, name: str
) -> None:
    client, batch = serve(shop.folder), shop.batch(name)
    for number, row in batch.items():
        answer = client.get(ROUTES[name].format(number), headers={"X-Request-ID": f"r{number}"})
        assert answer.status_code == 200
        assert answer.headers["X-Request-ID"] == f"r{number}"
        assert values(answer.json()) == expected(row)
        assert answer.json()["skill_state"] in ("proven", "not_proven", "not_tested")
    lines = shop.logged()
    assert [(each and each.entity_id, each and each.request_id) for each in lines] == [
        (number, f"r{number}") for number in batch
    ]
    assert {each.client for each in lines if each} == {"203.0.113.7"}


@pytest.mark.parametrize("name", LISTS)
def test_pages_list_every_row_of_the_batch_once_and_are_not_logged(
    shop: Shop, serve: Serve, name: str
) -> None:
    client, batch = serve(shop.folder), shop.batch(name)
    limited = f"{LISTS[name]}{'&' if '?' in LISTS[name] else '?'}limit="
    path, seen = f"{limited}7", []
    while path:
        page = client.get(path).json()
        assert len(page["items"]) <= 7
        seen += page["items"]
        path = page["next"]
    assert [values(each) for each in seen] == [expected(row) for row in batch.values()]
    assert len(client.get(LISTS[name]).json()["items"]) == min(100, len(batch))
    last = client.get(f"{limited}{len(batch)}").json()
    assert (len(last["items"]), last["next"]) == (len(batch), None)
    assert shop.logged() == []


def test_reasons_are_those_of_the_batch(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    for number, row in shop.batch("project_success").items():
        reasons = client.get(f"/v1/projects/{number}/success").json()["reasons"]
        assert [tuple(each.values()) for each in reasons] == shop.ask(
            "select feature, feature_value, contribution, unit from ml.prediction_reasons"
            f" where prediction_id = '{row['prediction_id']}' order by rank"
        )
        assert reasons


def test_an_amount_is_an_interval_in_exact_money(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    rows = shop.ask(
        "select project_id, final_amount_low, final_amount_median, final_amount_high"
        " from staging.stg_final_amount where snapshot_kind = 'current'"
    )
    assert len(rows) > 10
    for number, *amounts in rows:
        answer = client.get(f"/v1/projects/{number}/amount").json()
        found = [answer[f"final_amount_{name}"] for name in ("low", "median", "high")]
        assert found == [str(each) for each in amounts]
        assert answer["project_id"] == number
    assert client.get("/v1/projects/1/amount").status_code == 409
    assert client.get("/v1/projects/999999/amount").status_code == 404
    without = rows[0][0]
    shop.publish(
        f"update ml.final_amount set final_amount_median = null where project_id = {without}"
    )
    answer = client.get(f"/v1/projects/{without}/amount")
    assert answer.status_code == 503
    assert "no interval" in answer.json()["detail"]


def test_a_publish_is_picked_up_by_the_next_request(shop: Shop, serve: Serve) -> None:
    client, batch = serve(shop.folder, warm=True), shop.batch("project_success")
    number = next(iter(batch))
    path = f"/v1/projects/{number}/success"
    assert values(client.get(path).json()) == expected(batch[number])
    for share in (0.25, 0.125):
        shop.publish(
            f"update ml.predictions set predicted_probability = {share}"
            f" where entity_id = {number} and model_name = 'project_success'"
        )
        assert client.get(path).json()["predicted_probability"] == share
    shop.publish(f"delete from features.project_features where project_id = {number}")
    assert client.get(path).status_code == 409


def test_without_a_warehouse_the_service_says_what_to_run_and_finds_the_first_publish(
    shop: Shop, serve: Serve
) -> None:
    aside = shop.db.rename(shop.folder / "aside")
    client, number = serve(shop.folder, limit=60, warm=True), 1
    for path in ("/readyz", f"/v1/projects/{number}/success", "/v1/projects", "/v1/models"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert answer.json()["detail"].endswith("make run")
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/openapi.json").status_code == 200
    assert not (shop.folder / "limits").exists()
    aside.rename(shop.db)
    assert client.get("/readyz").json()["status"] == "ready"
    live = next(iter(shop.batch("project_success")))
    assert client.get(f"/v1/projects/{live}/success").status_code == 200


def test_a_model_that_was_skipped_or_is_damaged_is_a_503_with_its_reason(
    shop: Shop, serve: Serve
) -> None:
    client = serve(shop.folder)
    project, milestone = (next(iter(shop.batch(name))) for name in ROUTES)
    paths = (shop.folder / "models" / "project_success").glob("*/model.joblib")
    files = [(each, each.read_bytes()) for each in paths]
    for file, content in files:
        file.write_bytes(content[:-1] + b"x")
    shop.publish()
    answer = client.get(f"/v1/projects/{project}/success")
    assert answer.status_code == 503
    assert "not the one that was recorded" in answer.json()["detail"]
    assert client.get(f"/v1/milestones/{milestone}/risk").status_code == 200
    assert client.get("/readyz").status_code == 200
    for file, content in files:
        file.write_bytes(content)
    assert client.get(f"/v1/projects/{project}/success").status_code == 200
    shop.publish(
        "insert into ml.failures select 'r', 'train', 'project_success', as_of, true, 'x', now()"
        " from core.warehouse_as_of"
    )
    assert "train failed" in client.get("/v1/projects").json()["detail"]
    listed = {each["model_name"]: each for each in client.get("/v1/models").json()["models"]}
    assert "train failed" in listed["project_success"]["reason"]
    assert listed["milestone_risk"]["status"] == "trained"
    assert listed["final_amount"]["prediction_count"] > 10


def test_answers_come_into_ml_predictions_exactly_once(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder)
    one, other, *_ = shop.batch("project_success")
    for number, name in ((one, "a"), (one, "a"), (one, "b"), (other, "a")):
        client.get(f"/v1/projects/{number}/success", headers={"X-Request-ID": name})
    following = Shop(shutil.copytree(shop.folder, shop.folder.with_name("next")))
    for added in (3, 0):
        with open_warehouse(following.db) as warehouse:
            assert collect.run(shop.folder / "online", warehouse, RUN).added_count == added
    assert following.ask("select count(*) from ml.predictions where origin = 'online'") == [(3,)]


def test_a_head_is_the_head_of_the_answer(shop: Shop, serve: Serve) -> None:
    client, number = serve(shop.folder), next(iter(shop.batch("project_success")))
    for path in ("/healthz", "/readyz", "/v1/models", f"/v1/projects/{number}/amount"):
        answer, whole = client.head(path), client.get(path)
        assert answer.status_code == 200
        assert answer.content == b""
        assert answer.headers["content-length"] == str(len(whole.content))


def test_two_clients_may_name_their_requests_alike(shop: Shop, serve: Serve) -> None:
    number = next(iter(shop.batch("project_success")))
    for address in ("203.0.113.7", "203.0.113.8", "203.0.113.8"):
        client = serve(shop.folder, address=address)
        client.get(f"/v1/projects/{number}/success", headers={"X-Request-ID": "a"})
    assert len({each.prediction_id for each in shop.logged() if each}) == 2


def test_an_answer_that_cannot_be_logged_is_none(shop: Shop, serve: Serve) -> None:
    (shop.folder / "online").write_text("no folder")
    client, number = serve(shop.folder), next(iter(shop.batch("project_success")))
    answer = client.get(f"/v1/projects/{number}/success")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:problem:log-not-written"
    assert str(shop.folder) not in answer.text
    assert client.get("/readyz").json()["type"] == answer.json()["type"]


def test_one_thread_reads_all_published_files(
    shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, threads = published_rows.read, []

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*given)

    monkeypatch.setattr(published_rows, "read", noted)
    client = serve(shop.folder)
    for _ in range(2):
        assert client.get("/readyz").status_code == 200
        shop.publish()
    assert client.get("/readyz").status_code == 200
    assert len(threads) == 3
    assert len(set(threads)) == 1
