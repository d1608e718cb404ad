"""Sixty a minute and client over HTTP: fields on every answer, one count for all processes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ml.serving.http.clients import KeysError, read_keys
from ml.serving.http.keys import main as make_key
from ml.serving.http.options import Options, OptionsError
from tests.ml.serving.http.conftest import Serve, Shop
from tests.ml.serving.http.test_features import given
from tests.ml.serving.http.test_problems import problem
from tests.ml.serving.test_rate_limit import redis_url  # noqa: F401  a fixture

LIMITED = "/v1/models"


def left(answer: Any) -> int:
    """What an answer says is left, once its fields are structured as the draft has them."""
    match = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert match
    assert 1 <= int(match[2]) <= 60
    return int(match[1])


@pytest.fixture(params=["file", "redis"])
def limits(request: pytest.FixtureRequest, shop: Shop) -> str | None:
    """None is the file in the folder of the warehouse."""
    return str(request.getfixturevalue("redis_url")) if request.param == "redis" else None


def test_sixty_are_answered_over_all_processes_and_restarts_and_no_more(
    shop: Shop, serve: Serve, limits: str | None
) -> None:
    project = next(iter(shop.batch("project_success")))
    apps = [serve(shop.folder, limit=60, limits=limits) for _ in range(2)]
    for number in range(59):
        answer = apps[number % 2].get(LIMITED if number % 3 else "/v1/projects/abc/success")
        assert answer.headers["RateLimit-Policy"] == '"default";q=60;w=60'
        assert left(answer) == 59 - number
    again = serve(shop.folder, limit=60, limits=limits)
    assert left(again.get(f"/v1/projects/{project}/success")) == 0
    for app in (*apps, again):
        answer = app.get(f"/v1/projects/{project}/success")
        assert problem(answer, 429)["type"] == "urn:problem:limit-exceeded"
        assert 50 < int(answer.headers["Retry-After"]) <= 61
        assert left(answer) == 0
    other = serve(shop.folder, limit=60, limits=limits, address="203.0.113.8")
    assert left(other.get(LIMITED)) == 59
    assert "RateLimit" not in other.get("/healthz").headers
    assert len(shop.logged()) == 1


def test_a_batch_costs_its_rows_or_one(shop: Shop, serve: Serve) -> None:
    client, [row, *_] = serve(shop.folder, limit=60), given(shop, "project")[1]

    def post(count: int) -> Any:
        return client.post("/v1/projects/success", json={"rows": [row] * count})

    assert left(post(40)) == 20
    refused = post(21)
    problem(refused, 429)
    assert refused.headers["Retry-After"] == "60"
    assert left(refused) == 19
    never = post(61)
    assert "61 predictions in one request, but 60 a minute are" in problem(never, 413)["detail"]
    assert left(never) == 18
    assert left(post(18)) == 0
    assert left(serve(shop.folder, limit=2000, address="::1").post(
        "/v1/projects/success", json={"rows": [row] * 1000})) == 1000  # fmt: skip


def test_a_malformed_body_costs_one(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder, limit=60)
    answer = client.post("/v1/projects/success", json={"rows": 1})
    assert problem(answer, 422)
    assert left(answer) == 59


def test_a_wrong_name_of_a_request_costs_one(shop: Shop, serve: Serve) -> None:
    client = serve(shop.folder, limit=2)
    for remaining, path in ((1, LIMITED), (0, "/v1/projects/abc/success")):
        answer = client.get(path, headers={"X-Request-ID": "two words"})
        assert problem(answer, 422)
        assert left(answer) == remaining
    assert problem(client.get(LIMITED, headers={"X-Request-ID": "two words"}), 429)


def test_over_the_limit_no_body_is_read(
    shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("ml.serving.http.bodies.Bodies.read", read)
    client = serve(shop.folder, limit=1)
    client.get(LIMITED)
    problem(client.post("/v1/projects/success", json={"rows": [{}]}), 429)


def test_limits_that_cannot_be_kept_are_no_answer(shop: Shop, serve: Serve) -> None:
    (shop.folder / "limits").write_text("no folder")
    body = problem(serve(shop.folder, limit=60).get(LIMITED), 503)
    assert body["type"] == "urn:problem:limit-not-kept"
    assert str(shop.folder) not in str(body)
    assert problem(serve(shop.folder, limit=60).get("/readyz"), 503)["type"] == body["type"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


@pytest.fixture
def new_key(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    def make(name: str) -> str:
        monkeypatch.setattr("sys.argv", ["keys", "--file", str(keys), "--name", name])
        assert make_key() == 0
        return capsys.readouterr().out.split()[1]

    return make


def test_a_key_is_its_owner_wherever_he_asks_from(
    shop: Shop, serve: Serve, keys: Path, new_key: Callable[[str], str]
) -> None:
    ann = new_key("ann")
    here = serve(shop.folder, limit=60, keys=keys)
    there = serve(shop.folder, limit=60, keys=keys, address="203.0.113.9")
    assert left(here.get(LIMITED, headers={"X-API-Key": ann})) == 59
    assert left(there.get(LIMITED, headers={"X-API-Key": ann})) == 58
    assert left(here.get(LIMITED)) == 59  # without a key: the address
    answer = here.get(LIMITED, headers={"X-API-Key": ann[:-1]})
    assert problem(answer, 401)["type"] == "urn:problem:unknown-key"
    assert "WWW-Authenticate" in answer.headers
    bob = new_key("bob")  # the file is read again
    assert left(here.get(LIMITED, headers={"X-API-Key": bob})) == 59
    project = next(iter(shop.batch("project_success")))
    here.get(f"/v1/projects/{project}/success", headers={"X-API-Key": bob})
    assert [each and each.client for each in shop.logged()] == ["bob"]
    assert ann not in keys.read_text()
    assert oct(keys.stat().st_mode).endswith("600")


def test_a_key_where_none_are_known_is_refused(shop: Shop, serve: Serve) -> None:
    answer = serve(shop.folder).get(LIMITED, headers={"X-API-Key": "x"})
    assert problem(answer, 401)


@pytest.mark.parametrize("line", ["ann", "ann sha256:abc", "Ann sha256:" + "0" * 64, "a" * 80])
def test_a_wrong_line_of_the_keys_is_named(keys: Path, line: str) -> None:
    keys.write_text(f"# people\n\n{line}\n")
    with pytest.raises(KeysError, match=r"keys\.txt:3 is not"):
        read_keys(keys)
    with pytest.raises(KeysError, match="cannot be read"):
        read_keys(keys.with_name("missing"))


def test_keys_that_are_no_text_are_refused(keys: Path) -> None:
    keys.write_bytes(b"ann sha256:\xff\n")
    with pytest.raises(KeysError, match="cannot be read"):
        read_keys(keys)


def test_keys_that_break_while_serving_lock_nobody_out(
    shop: Shop, serve: Serve, keys: Path, new_key: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ann = {"X-API-Key": new_key("ann")}
    whole, client = keys.read_bytes(), serve(shop.folder, keys=keys)
    for content, said in ((b"ann", "is not 'name"), (b"\xff", "no UTF-8"), (None, "No such file")):
        keys.unlink()
        if content is not None:
            keys.write_bytes(content)
        for _ in range(2):
            assert client.get(LIMITED, headers=ann).status_code == 200
            assert problem(client.get(LIMITED, headers={"X-API-Key": "x"}), 401)
        [line] = capsys.readouterr().err.splitlines()
        assert said in line
        keys.write_bytes(whole)
    assert client.get(LIMITED, headers=ann).status_code == 200
    keys.write_bytes(b"")
    assert problem(client.get(LIMITED, headers=ann), 401)


def test_a_worker_that_starts_while_keys_are_broken_serves_those_without(
    shop: Shop, serve: Serve, keys: Path, new_key: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ann = {"X-API-Key": new_key("ann")}
    whole = keys.read_bytes()
    keys.write_bytes(b"ann")
    client = serve(shop.folder, keys=keys)
    assert client.get(LIMITED).status_code == 200
    for _ in range(2):
        body = problem(client.get(LIMITED, headers=ann), 503)
        assert body["type"] == "urn:problem:keys-not-read"
        assert str(keys) not in str(body)
    [line] = capsys.readouterr().err.splitlines()
    assert f"{keys}:1 is not" in line
    assert line.endswith("; no key is accepted")
    keys.write_bytes(whole)
    assert client.get(LIMITED, headers=ann).status_code == 200


def test_a_name_has_one_key(
    keys: Path, new_key: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_key("ann")
    for name in ("ann", "10.0.0.1", "::1", "Ann", ""):
        monkeypatch.setattr("sys.argv", ["keys", "--file", str(keys), "--name", name])
        assert make_key() == 2
    assert len(keys.read_text().splitlines()) == 1


def test_a_key_has_a_line_of_its_own(keys: Path, new_key: Callable[[str], str]) -> None:
    new_key("ann")
    keys.write_text(keys.read_text().rstrip("\n"))
    new_key("bob")
    assert [line.split()[0] for line in keys.read_text().splitlines()] == ["ann", "bob"]


def test_keys_that_cannot_be_written_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["keys", "--file", f"{tmp_path}/no/keys", "--name", "ann"])
    assert make_key() == 2
    assert capsys.readouterr().err.endswith(
        "no/keys cannot be written (No such file or directory)\n"
    )


def counted(client: TestClient, forwarded: str) -> int:
    return left(client.get(LIMITED, headers={"X-Forwarded-For": forwarded}))


def test_only_named_proxies_are_believed(shop: Shop, serve: Serve) -> None:
    direct = serve(shop.folder, limit=60, address="198.51.100.1")
    assert counted(direct, "192.0.2.1") == 59
    assert counted(direct, "192.0.2.2") == 58  # whatever is claimed, it is the same client
    proxies = ("10.0.0.0/8", "198.51.100.7")
    for address in ("10.1.2.3", "198.51.100.7"):
        proxy = serve(shop.folder, limit=60, proxies=proxies, address=address)
        assert counted(proxy, f"192.0.2.{len(address)}") == 59
    proxy = serve(shop.folder, limit=60, proxies=proxies, address="10.1.2.3")
    assert counted(proxy, "198.51.100.99, 192.0.2.77, 10.9.9.9") == 59
    assert counted(proxy, "198.51.100.98, 192.0.2.77") == 58  # what a client adds is not believed
    with_host_bits = serve(shop.folder, limit=60, proxies=("10.0.0.5/8",), address="10.1.2.3")
    assert counted(with_host_bits, "192.0.2.78") == 59
    assert counted(with_host_bits, "192.0.2.79") == 59
    stranger = serve(shop.folder, limit=60, proxies=proxies, address="198.51.100.8")
    assert counted(stranger, "192.0.2.77") == 59


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.5", "192.0.2.5", True),
        ("192.0.2.5", "192.0.2.6", False),
    ],
)
def test_a_customer_with_many_addresses_is_one_client(
    shop: Shop, serve: Serve, one: str, other: str, is_same: bool
) -> None:
    for expected, address in ((59, one), (58 if is_same else 59, other)):
        assert left(serve(shop.folder, limit=60, address=address).get(LIMITED)) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": "x"}, "PORT=x"), ({"port": 70_000}, "PORT=70000"), ({"workers": 0}, "WORKERS=0"),
        ({"limit": -1}, "LIMIT=-1"), ({"proxies": ("*",)}, "PROXIES="),
        ({"proxies": ("proxy.example",)}, "PROXIES="), ({"colour": 1}, "COLOUR=1"),
        ({"limits": "memory://", "workers": 2}, "LIMITS=memory:// counts in one process only"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        Options.checked(warehouse="warehouse", **given)
