"""A head of a request that never ends is given up; a connection in use is not."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from ml.serving.http import protocol
from ml.serving.http.__main__ import listening
from ml.serving.http.options import Options


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def talk(*parts: bytes) -> bytes:
    """Sends parts, each longer after the last than half the patience; returns all that is said."""
    config = uvicorn.Config(application, timeout_keep_alive=30, log_level="critical")
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(
        lambda: protocol.PatientProtocol(config, state, {}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for part in parts:
            writer.write(part)
            await asyncio.sleep(protocol.HEAD_SECONDS * 0.6)
        said = b""
        try:
            async with asyncio.timeout(protocol.HEAD_SECONDS * 3):
                said = await reader.read()
        except TimeoutError:
            said = b"(open)"
        except ConnectionError:  # it was closed while a part was on its way
            said = b""
        writer.close()
    return said


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), b""),
        ((HEAD,), b""),
        ((HEAD, b"X: 1\r\n", b"Y: 2\r\n", b"Z: 3\r\n"), b""),
        ((HEAD + b"\r\n", b"GET / HT", b"TP/1.1\r\n", b"X: 1"), b"HTTP/1.1 204"),
        ((HEAD + b"\r\n", b"", b""), b"(open)"),
    ],
)
def test_a_head_that_never_ends_is_given_up(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...], said: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    assert asyncio.run(talk(*parts))[:12] == said


def test_who_connects_while_the_service_stops_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol.PatientProtocol, "_is_stopping", False)

    async def stop() -> tuple[bytes, bytes]:
        config, state = uvicorn.Config(application, log_level="critical"), ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: protocol.PatientProtocol(config, state, {}), "127.0.0.1", 0
        )
        async with server, asyncio.timeout(protocol.HEAD_SECONDS / 2):
            address = server.sockets[0].getsockname()
            before, writer = await asyncio.open_connection(*address)
            writer.write(HEAD + b"\r\n")
            await before.read(1)
            for connection in [*state.connections]:
                connection.shutdown()
            after, late = await asyncio.open_connection(*address)
            said = (await before.read())[-4:], await after.read()
            for each in (writer, late):
                each.close()
        return said

    assert asyncio.run(stop())[1] == b""


def test_answers_do_not_wait_to_be_confirmed(tmp_path: Path) -> None:
    listener = listening(Options(warehouse=tmp_path, port=0))
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
