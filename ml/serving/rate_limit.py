"""How often a client may ask: a moving window, in a storage that all processes share."""

import math
import sqlite3
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

import ml.serving.sqlite_storage  # noqa: F401  makes sqlite:/// known to storage_from_string
from ml.errors import MlError

PER_MINUTE = 60
WINDOW_SECONDS = 60


class RateLimitError(MlError):
    """The limit cannot be kept, so nothing is let through."""


class Quota(NamedTuple):
    """What a client has left.

    Attributes:
        limit: Predictions in any minute.
        remaining: How many there is room for now.
        reset_after: Seconds until there is room for more.
    """

    limit: int
    remaining: int
    reset_after: float


class RequestTooLargeError(MlError):
    """One request asks for more predictions than a whole minute has room for."""


class RateLimitExceededError(MlError):
    """The client has used its limit up.

    Attributes:
        client: Who asked.
        retry_after: Seconds until there is room for the request, unless others take it.
        quota: What is left.
    """

    exit_code = 1

    def __init__(self, client: str, retry_after: float, quota: Quota, amount: int = 1) -> None:
        """Takes who asked for how many predictions, how long to wait, and what is left."""
        self.client, self.retry_after, self.quota = client, retry_after, quota
        made = f"has made {quota.limit - quota.remaining} requests within a minute"
        reason = (
            f"{made}, which is the limit" if amount == 1
            else f"{made}, and {quota.limit} are the limit: no room for {amount} more"
        )  # fmt: skip
        super().__init__(f"client {client!r} {reason}: come back in {retry_after:.3f} s")


class _PerMinute(RateLimitItemPerMinute):
    """Whose key leaves the amount out, so that another limit finds what was counted before."""

    def key_for(self, *identifiers: bytes | str | int | float) -> str:
        """Returns the key of a client in the storage."""
        return "/".join((self.namespace, *map(str, identifiers), self.GRANULARITY.name))


def _advice(error: Exception) -> str:
    """Returns what to do about a damaged file; a busy or full one needs nothing but time."""
    is_damaged = isinstance(error, sqlite3.DatabaseError)
    if not is_damaged or isinstance(error, sqlite3.OperationalError):
        return ""
    return "; delete this file, it is made anew and all counts start from zero"


class RateLimit:
    """At most so many predictions of a client in any minute, both ends included."""

    def __init__(self, url: str, per_minute: int = PER_MINUTE) -> None:
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
        self._item = _PerMinute(per_minute, namespace="predictions")

    def check(self) -> None:
        """Makes sure that predictions can be counted now.

        Raises:
            RateLimitError: They cannot.
        """
        if not self._limiter.storage.check():
            raise RateLimitError(f"limits cannot be kept in {self._shown}")

    def require(self, amount: int) -> None:
        """Makes sure that a minute has room for a request at all.

        Raises:
            RequestTooLargeError: There can never be room for so many.
        """
        limit = self._item.amount
        if amount > limit:
            raise RequestTooLargeError(
                f"{amount:,} predictions in one request, but {limit:,} a minute are the limit:"
                f" ask for {limit:,} at most"
            )

    def take(self, client: str, amount: int = 1) -> Quota:
        """Counts `amount` predictions, and returns what is left.

        Raises:
            RequestTooLargeError: There can never be room for so many; none counts.
            RateLimitExceededError: There was no room for all of them; none counts.
            RateLimitError: The storage does not work.
        """
        self.require(amount)
        limit = self._item.amount
        try:
            is_taken = self._limiter.hit(self._item, client, cost=amount)
            reset_at, remaining = self._limiter.get_window_stats(self._item, client)
        except StorageError as error:
            raise RateLimitError(
                f"limits cannot be kept in {self._shown}: {error.storage_error}"
                f"{_advice(error.storage_error)}"
            ) from error
        # A millisecond more: at the very end of a minute the window still holds its first request.
        wait = (math.ceil(max(0.0, reset_at - time.time()) * 1000) + 1) / 1000
        quota = Quota(limit, max(remaining, 0), wait)
        if not is_taken:
            # for several, only the end of a whole window is certain to have room
            retry_after = wait if amount == 1 else float(WINDOW_SECONDS)
            raise RateLimitExceededError(client, retry_after, quota, amount)
        return quota
