"""How many connections there may be, and what those beyond get."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from acpublish.server import connections as module
from acpublish.server import protocol
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
        listener = Listener(loop, listening, lambda: DeviceProtocol(all_of_them), pytest.fail)
        try:
            await scenario(all_of_them, address[1])
        finally:
            listener.close()
            for connection in list(all_of_them.open):
                connection.abort()
            while all_of_them.open:
                await asyncio.sleep(0.01)

    asyncio.run(main())


async def idle(port: int, count: int, addresses: int = 1) -> list[socket.socket]:
    """Opens connections from some addresses, and waits until the server has them."""
    opened = [
        await asyncio.to_thread(
            socket.create_connection,
            ("127.0.0.1", port),
            5,
            (f"127.0.0.{1 + number % addresses}", 0),
        )
        for number in range(count)
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
        opened = await idle(port, 8, addresses=4)
        refused = await ask(port, CHECK)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 30\r\n" in refused
        assert b"\r\nConnection: close\r\n" in refused
        assert (await ask(port, API)).startswith(b"HTTP/1.1 200 ")
        for connection in opened[-3:]:
            connection.close()
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
        # With so few, one is kept for the API, so two are over, and one of those is beyond all.
        assert answers[1].startswith(b"HTTP/1.1 503 ")
        assert answers[0].startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 408 "))
        assert len(all_of_them.open) <= 2
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
        # It cannot take what is kept for the API either.
        assert (await ask(port, API)).split()[1] == status
        # Once some have ended, there is room again.
        for connection in opened:
            connection.close()
        await asyncio.sleep(0.1)
        assert (await ask(port, CHECK)).split()[1] == b"200"

    serve(tmp_path, scenario, most=100, shared=lambda address: shared)


def test_an_address_leaves_room_for_others(tmp_path: Path) -> None:
    """Whatever one address opens, another one gets its answers."""

    async def scenario(all_of_them: Connections, port: int) -> None:
        opened = await idle(port, 120)
        assert len(all_of_them.open) == 37

        def talk(request: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) as other:
                other.sendall(request)
                return read_all(other)

        for request in (CHECK, API):
            assert (await asyncio.to_thread(talk, request)).startswith(b"HTTP/1.1 200 ")
        for connection in opened:
            connection.close()

    serve(tmp_path, scenario, most=100)


def test_what_is_kept_for_the_api_is_not_kept_by_idle_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESERVED_FOR_API", 4)
    monkeypatch.setattr(module, "SHARE_OF_ADDRESS", 1.0)
    monkeypatch.setattr(protocol, "RESERVED_HEAD_S", 0.01)

    async def scenario(all_of_them: Connections, port: int) -> None:
        opened = await idle(port, 10, addresses=5)
        async with asyncio.timeout(5) if hasattr(asyncio, "timeout") else contextlib.nullcontext():
            while len(all_of_them.open) > 6:
                await asyncio.sleep(0.01)
        assert (await ask(port, API)).startswith(b"HTTP/1.1 200 ")
        for connection in opened:
            connection.close()

    serve(tmp_path, scenario, most=10)


@pytest.mark.parametrize(
    ("files", "most"), [(1000, 1000 - module.RESERVED_FILES), (200, 100), (10**9, 20_000)]
)
def test_without_a_number_it_is_what_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    monkeypatch.setattr(module, "open_files", lambda: files)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        none: Any = None
        return Connections(none, none, none, ServerState(), loop)

    assert asyncio.run(main())._most == most
    assert open_files() > 0


def test_the_log_tells_of_an_excess_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EXCESS_EVERY_S", 0.05)

    async def main() -> None:
        excess = Excess(asyncio.get_running_loop())
        for _ in range(5):
            excess.note("too many")
        excess.note("another")
        await asyncio.sleep(0.12)
        # It has been quiet for long enough, so the next one is told immediately.
        excess.note("another")

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == [
        "refused: too many",
        "refused: another",
        "refused 4 more times within a minute: too many",
        "refused: another",
    ]
