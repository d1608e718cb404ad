"""Bodies that are held at the same time count together, until they are let go."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Request

from ml.serving.http import bodies
from ml.serving.http.problems import RequestProblemError


def request(*chunks: bytes, then: Callable[[], Any] | None = None) -> Request:
    """A request whose body comes in chunks; then, perhaps, something happens."""
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if not left and then is not None:
            await then()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left or then)}

    return Request(
        {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]},
        receive,
    )


def test_what_all_bodies_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_HELD_BYTES", 10)
    held = bodies.Bodies()

    async def read(count: int, *inner: int) -> None:
        async with held.read(request(b"x" * (count - 1), b"x")) as body:
            assert len(body) == count
            if inner:
                await read(*inner)

    asyncio.run(read(6, 4))
    with pytest.raises(RequestProblemError, match="too many") as refused:
        asyncio.run(read(6, 5))
    assert refused.value.status == 503
    asyncio.run(read(10))


def test_a_body_that_is_given_up_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    monkeypatch.setattr(bodies, "MAX_HELD_BYTES", 10)
    held = bodies.Bodies()

    async def read(given: Request) -> None:
        async with held.read(given):
            pass

    with pytest.raises(RequestProblemError, match="not whole"):
        asyncio.run(read(request(b"x" * 10, then=lambda: asyncio.Event().wait())))
    asyncio.run(read(request(b"x" * 10)))
