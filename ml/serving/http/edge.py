"""What holds for every request: time, count, and the headers of an answer."""

import math
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.serving.http import metrics
from ml.serving.rate_limit import WINDOW_SECONDS, Quota

REQUEST_ID = "X-Request-ID"
_METHODS = {"any", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Edge:
    """Wraps an application; sees every answer, that of an error too."""

    def __init__(self, app: ASGIApp) -> None:
        """Takes the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope = {**scope, "method": "GET"}  # a copy: the server must know what it was
        state = scope.setdefault("state", {})
        is_read = not _has_body(scope)

        async def receive_and_note() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = is_read or not message.get("more_body", False)
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _count(scope, message["status"])  # first: whoever has an answer finds it counted
                headers = MutableHeaders(scope=message)
                _add_headers(headers, state)
                if not is_read:  # or the rest of the body would be read, whatever its size
                    headers["Connection"] = "close"
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive_and_note, send_with_headers)
        finally:
            metrics.SECONDS.labels(_route(scope)).observe(time.perf_counter() - started)


def _route(scope: Scope) -> str:
    """Returns the path of the route; what is none has one name together, for it has no end."""
    return getattr(scope.get("route"), "path", "other")


def _count(scope: Scope, status: int) -> None:
    route = _route(scope)
    method = scope["method"] if route != "other" else "any"
    if method not in _METHODS:  # a client may invent methods without end
        method = "other"
    metrics.REQUESTS.labels(route, method, str(status)).inc()


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _add_headers(headers: MutableHeaders, state: dict[str, object]) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    if isinstance(quota := state.get("quota"), Quota):
        headers["RateLimit-Policy"] = f'"default";q={quota.limit};w={WINDOW_SECONDS}'
        reset = min(WINDOW_SECONDS, math.ceil(quota.reset_after))
        headers["RateLimit"] = f'"default";r={quota.remaining};t={reset}'
    if request_id := state.get("request_id"):
        headers[REQUEST_ID] = str(request_id)
