"""How often a client may ask: a moving window, in a storage that all processes share."""

import math
import sqlite3
import time
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

import ml.serving.sqlite_storage  # noqa: F401  makes sqlite:/// known to storage_from_string
from ml.errors import MlError

LIMIT = RateLimitItemPerMinute(60, namespace="predictions")


class RateLimitError(MlError):
    """The limit cannot be kept, so nothing is let through."""


class RateLimitExceededError(MlError):
    """The client has used its limit up.

    Attributes:
        client: Who asked.
        retry_after: Seconds until there is room for one request, unless another takes it.
    """

    exit_code = 1

    def __init__(self, client: str, retry_after: float) -> None:
        """Takes who asked and how long to wait."""
        self.client, self.retry_after = client, retry_after
        super().__init__(
            f"client {client!r} has made {LIMIT.amount} requests within a minute, which is the"
            f" limit: come back in {retry_after:.3f} s"
        )


def _advice(error: Exception) -> str:
    """Returns what to do about a damaged file; a busy or full one needs nothing but time."""
    is_damaged = isinstance(error, sqlite3.DatabaseError)
    if not is_damaged or isinstance(error, sqlite3.OperationalError):
        return ""
    return "; delete this file, it is made anew and all counts start from zero"


class RateLimit:
    """At most `LIMIT` requests of a client in any minute, both ends included."""

    def __init__(self, url: str) -> None:
        """Takes the URL of a storage of `limits`: sqlite:///path, redis://host:port, memory://.

        Raises:
            RateLimitError: There is no such storage.
        """
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        try:
            storage = storage_from_string(url, wrap_exceptions=True)
        except (ConfigurationError, ValueError) as error:
            raise RateLimitError(f"limits cannot be kept in {self._shown}: {error}") from error
        if not isinstance(storage, Storage) or not isinstance(storage, MovingWindowSupport):
            raise RateLimitError(f"limits cannot be kept in {self._shown}: no moving windows there")
        self._limiter = MovingWindowRateLimiter(storage)

    def take(self, client: str) -> None:
        """Counts one request.

        Raises:
            RateLimitExceededError: There was no room for it; it does not count.
            RateLimitError: The storage does not work.
        """
        try:
            if self._limiter.hit(LIMIT, client):
                return
            reset_at, _ = self._limiter.get_window_stats(LIMIT, client)
        except StorageError as error:
            raise RateLimitError(
                f"limits cannot be kept in {self._shown}: {error.storage_error}"
                f"{_advice(error.storage_error)}"
            ) from error
        # A millisecond more: at the very end of a minute the window still holds its first request.
        wait = max(0.0, reset_at - time.time())
        raise RateLimitExceededError(client, (math.ceil(wait * 1000) + 1) / 1000)
