"""The bodies of requests: of what type, how large, how slow, and how many at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from ml.serving.http.problems import RequestProblemError

MAX_BYTES = 1_048_576
MAX_HELD_BYTES = 64 * MAX_BYTES
BODY_SECONDS = 10


class Bodies:
    """Reads the bodies of one event loop, of which it holds MAX_HELD_BYTES at most."""

    def __init__(self) -> None:
        """Holds none yet."""
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """Gives a JSON body, which is held until the block ends.

        Raises:
            RequestProblemError: It is of another type, too large or too slow, or one too many.
        """
        _check(request)
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    async for chunk in request.stream():
                        self._add(chunk, body)
            except TimeoutError as error:
                detail = f"the body was not whole within {BODY_SECONDS} seconds"
                raise RequestProblemError(408, "body-too-slow", detail) from error
            yield body
        finally:
            self._held -= len(body)

    def _add(self, chunk: bytes, body: bytearray) -> None:
        if len(body) + len(chunk) > MAX_BYTES:
            raise _too_large()
        if self._held + len(chunk) > MAX_HELD_BYTES:
            detail = "too many bodies are being read at once: try again in a second"
            raise RequestProblemError(503, "too-many-bodies", detail)
        self._held += len(chunk)
        body += chunk


def _check(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestProblemError(415, "media-type", "the body must be application/json")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise _too_large()


def _too_large() -> RequestProblemError:
    return RequestProblemError(
        413, "body-too-large", f"the body has more than {MAX_BYTES:,} bytes: send fewer rows"
    )
