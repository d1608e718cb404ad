"""HTTP/1.1 that does not wait without end for the head of a request."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """Closes a connection on which no whole head of a request has come in time."""

    _deadline: asyncio.TimerHandle | None = None
    _is_stopping = False  # of the process

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        if self._is_stopping:
            self.shutdown()
            return
        self._deadline = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Goes on waiting while a head is incomplete, from its first byte on."""
        super().data_received(data)
        is_waiting = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if is_waiting and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        elif self.conn.their_state is not h11.IDLE:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait."""
        self._forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Closes the connection once it is idle.

        Uvicorn asks only those for it that it has by then: one that another process has just cut
        off connects again a moment later, and would be waited for.
        """
        type(self)._is_stopping = True
        super().shutdown()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
