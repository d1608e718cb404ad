"""The limit of a client: the same over every storage, and an answer that says when to come back."""

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.errors import MlError
from ml.serving.rate_limit import RateLimit, RateLimitError, RateLimitExceededError
from ml.serving.sqlite_storage import SqliteStorage


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis server of the test's own."""
    if not importlib.util.find_spec("redis"):
        pytest.skip("needs the Python package redis")
    if not shutil.which("redis-server"):
        pytest.skip("needs redis-server, which .ci/run installs")
    path = tmp_path / "redis.socket"
    command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", tmp_path]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if "eady to accept connections" in line:
            break
    yield f"redis+unix://{path}"
    server.terminate()
    server.communicate()


@pytest.fixture(params=["sqlite", "memory", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/limits.sqlite"


def test_sixty_are_let_through_and_the_next_is_told_when_to_come_back(url: str) -> None:
    limit, before = RateLimit(url), time.monotonic()
    for _ in range(60):
        limit.take("ann")
    limit.take("bob")
    with pytest.raises(RateLimitExceededError) as refused:
        limit.take("ann")
    assert refused.value.client == "ann"
    assert 60 - (time.monotonic() - before) <= refused.value.retry_after <= 60.01
    assert f"come back in {refused.value.retry_after:.3f} s" in str(refused.value)
    limit.take("bob")


def test_another_limit_is_no_fresh_start(url: str) -> None:
    RateLimit(url, 60).take("ann", 50)
    if url != "memory://":  # which is each limit's own
        assert RateLimit(url, 61).take("ann").remaining == 10
        with pytest.raises(RateLimitExceededError):
            RateLimit(url, 40).take("ann")


def test_it_is_right_about_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0

    def at_test_time(uri: str, **options: bool) -> SqliteStorage:
        return SqliteStorage(uri, clock=lambda: now, **options)

    monkeypatch.setattr("ml.serving.rate_limit.storage_from_string", at_test_time)
    limit = RateLimit(f"sqlite:///{tmp_path}/limits.sqlite")
    for _ in range(60):
        limit.take("ann")
        now += 500_000_000
    with pytest.raises(RateLimitExceededError) as refused:
        limit.take("ann")
    assert refused.value.retry_after == pytest.approx(30, abs=0.1)
    now += 30 * 10**9  # the end of the minute, which still belongs to it
    with pytest.raises(RateLimitExceededError) as again:
        limit.take("ann")
    now += int(again.value.retry_after * 1e9)
    limit.take("ann")
    with pytest.raises(RateLimitExceededError):
        limit.take("ann")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "unknown storage scheme"),
        ("limits.sqlite", "unknown storage scheme"),
        ("sqlite://limits", "names no file"),
        ("async+memory://", "no moving windows"),
    ],
)
def test_a_url_that_is_no_storage_is_refused(url: str, message: str) -> None:
    with pytest.raises(RateLimitError, match=message):
        RateLimit(url)


def test_a_storage_that_fails_lets_nobody_by(tmp_path: Path) -> None:
    (tmp_path / "limits.sqlite").mkdir()
    with pytest.raises(RateLimitError, match=r"limits\.sqlite: unable to open"):
        RateLimit(f"sqlite:///{tmp_path}/limits.sqlite").take("ann")


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "limits.sqlite"
    file.write_bytes(b"no database at all" * 100)
    advice = "delete this file, it is made anew and all counts start from zero"
    with pytest.raises(RateLimitError, match=rf"{file}: .*; {advice}"):
        RateLimit(f"sqlite:///{file}").take("ann")
    file.unlink()
    RateLimit(f"sqlite:///{file}").take("ann")


def test_a_password_is_not_told() -> None:
    with socket.socket() as taken:  # bound, so that nobody else listens there
        taken.bind(("127.0.0.1", 0))
        url = f"redis://user:secret@127.0.0.1:{taken.getsockname()[1]}/0"
        with pytest.raises(MlError, match=r"redis://127\.0\.0\.1") as refused:
            RateLimit(url).take("ann")
    assert "secret" not in str(refused.value)
