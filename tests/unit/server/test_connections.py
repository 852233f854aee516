"""How many connections there may be, and what those beyond get."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from acpublish.server import connections as module
from acpublish.server.connections import Connections, Excess
from acpublish.server.listener import Listener
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.sockets import listen, open_files
from tests.support.server import read_all
from tests.unit.server.in_memory import lamp_catalog, make

CHECK = b"GET /update/lamp/c3.md5 HTTP/1.0\r\n\r\n"
API = b"GET /api/v1/products HTTP/1.0\r\n\r\n"


def serve(
    folder: Path,
    scenario: Callable[[Connections, int], Awaitable[None]],
    *,
    most: int,
    shared: Callable[[str], bool] = lambda address: False,
) -> None:
    """Runs a scenario beside a server that has so many connections."""
    app = make(lamp_catalog(folder))

    async def main() -> None:
        loop, state = asyncio.get_running_loop(), ServerState()
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, interface="asgi3")
        config.load()
        listening = listen("127.0.0.1", 0)
        all_of_them = Connections(
            app.routes, app.log, config, state, loop, most=most, shared=shared
        )
        address = listening.getsockname()
        listener = Listener(loop, listening, lambda: DeviceProtocol(all_of_them))
        try:
            await scenario(all_of_them, address[1])
        finally:
            listener.close()
            for connection in list(all_of_them.open):
                connection.abort()
            while all_of_them.open:
                await asyncio.sleep(0.01)

    asyncio.run(main())


async def idle(port: int, count: int) -> list[socket.socket]:
    """Opens connections, and waits until the server has them."""
    opened = [
        await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port)) for _ in range(count)
    ]
    await asyncio.sleep(0.05)
    return opened


async def ask(port: int, request: bytes) -> bytes:
    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(request)
            return read_all(connection)

    return await asyncio.to_thread(talk)


def test_the_api_is_reached_when_devices_fill_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RESERVED_FOR_API", 4)
    monkeypatch.setattr(module, "SHARE_OF_ADDRESS", 1.0)

    async def scenario(all_of_them: Connections, port: int) -> None:
        opened = await idle(port, 6)
        refused = await ask(port, CHECK)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 30\r\n" in refused
        assert b"\r\nConnection: close\r\n" in refused
        assert (await ask(port, API)).startswith(b"HTTP/1.1 200 ")
        opened.pop().close()
        await asyncio.sleep(0.05)
        assert (await ask(port, CHECK)).startswith(b"HTTP/1.1 200 ")
        for connection in opened:
            connection.close()
        await asyncio.sleep(0.05)
        assert not all_of_them.open

    with caplog.at_level(logging.WARNING, "acpublish.server"):
        serve(tmp_path, scenario, most=10)
    assert "there are 6 connections already" in caplog.text


def test_beyond_all_connections_not_even_a_head_is_read(tmp_path: Path) -> None:
    async def scenario(all_of_them: Connections, port: int) -> None:
        opened = await idle(port, 4)
        answers = [await asyncio.to_thread(read_all, connection) for connection in opened[2:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers[-1:])
        assert len(all_of_them.open) <= 3
        for connection in opened:
            connection.close()

    serve(tmp_path, scenario, most=2)


@pytest.mark.parametrize(("shared", "status"), [(False, b"503"), (True, b"200")])
def test_an_address_has_a_share_unless_it_is_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool, status: bytes
) -> None:
    monkeypatch.setattr(module, "RESERVED_FOR_API", 4)

    async def scenario(all_of_them: Connections, port: int) -> None:
        opened = await idle(port, 75)
        assert (await ask(port, CHECK)).split()[1] == status
        # Once some have ended, there is room again.
        for connection in opened:
            connection.close()
        await asyncio.sleep(0.1)
        assert (await ask(port, CHECK)).split()[1] == b"200"

    serve(tmp_path, scenario, most=100, shared=lambda address: shared)


def test_without_a_number_it_is_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_files", lambda: 1000)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        none: Any = None
        return Connections(none, none, none, ServerState(), loop)

    assert asyncio.run(main())._most == 1000 - module.RESERVED_FILES
    assert open_files() > 0


def test_the_log_tells_of_an_excess_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    excess = Excess()
    for _ in range(5):
        excess.note("too many")
    excess.note("another")
    now += 61
    excess.note("too many")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "1 requests refused in the last minute: too many",
        "1 requests refused in the last minute: another",
        "5 requests refused in the last minute: too many",
    ]
