"""A connection over a transport of the test's own, for the tests of both protocols."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from acpublish.server.accesslog import AccessLog
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.connections import Connections
from acpublish.server.device_routes import DeviceRoutes
from acpublish.server.listener import Listener
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.response_head import response_head
from acpublish.server.sockets import listen

#: The method, the target and the body of each request that was read.
Seen = list[tuple[str, bytes, bytes]]


class Wire(asyncio.Transport):
    """Remembers what is written, and delivers like a socket: nothing while reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False
        self.reading = True
        self.protocol: Any = None
        self._waiting: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Lets bytes arrive."""
        self._waiting.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._waiting and self.reading and not self.closed:
            self.protocol.data_received(self._waiting.pop(0))

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(map(bytes, list_of_data)))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self.protocol)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        asyncio.get_running_loop().call_soon(self._deliver)


class Recorder:
    """DeviceRoutes that remember each request and say ok, at once or later."""

    def __init__(self, seen: Seen, *, later: bool = False) -> None:
        self._seen = seen
        self._later = later

    def answer(self, request: Request) -> Responding:
        self._seen.append((request.method, request.target, b""))
        ok = Answer(200, response_head(200, [(b"content-length", b"2")]), b"ok")
        return self._ok_later(ok) if self._later else ok

    async def _ok_later(self, ok: Answer) -> Answer:
        for _ in range(3):
            await asyncio.sleep(0)
        return ok


def recording(seen: Seen) -> Any:
    """Returns an application that reads each request whole, remembers it and says ok."""

    async def read_and_say_ok(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        seen.append((scope["method"], scope["acpublish.target"], body))
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    return read_and_say_ok


Scenario = Callable[[Wire, Connections], Awaitable[None]]


async def converse(
    parts: Iterable[bytes],
    scenario: Scenario | None = None,
    *,
    app: Any = None,
    routes: Any = None,
    later: bool = False,
) -> tuple[Seen, Wire]:
    """Feeds parts to a fresh connection whose routes remember each request and say ok.

    Args:
        parts: What arrives, a turn of the loop after the other.
        scenario: What happens then.
        app: The application behind uvicorn's protocol, if it is not to remember requests.
        routes: The routes, likewise.
        later: Whether the routes say ok later.
    """
    seen: Seen = []
    config = uvicorn.Config(
        app or recording(seen), ws="none", lifespan="off", log_config=None, interface="asgi3"
    )
    state, loop = ServerState(), asyncio.get_running_loop()
    connections = Connections(
        cast(DeviceRoutes, routes or Recorder(seen, later=later)),
        AccessLog(None),
        config,
        state,
        loop,
    )
    wire = Wire()
    wire.protocol = DeviceProtocol(connections)
    wire.protocol.connection_made(wire)
    assert len(connections.open) == 1
    for part in parts:
        wire.feed(part)
        await asyncio.sleep(0)
    for _ in range(60):
        await asyncio.sleep(0)
    if scenario is not None:
        await scenario(wire, connections)
    assert len(connections.open) == 1
    wire.protocol.connection_lost(None)
    assert not connections.open
    for task in list(state.tasks):
        await task
    return seen, wire


@contextlib.asynccontextmanager
async def connected(
    routes: Recorder, seen: Seen
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Connections]]:
    """Connects to a server of this process over a real socket, and closes both at the end."""
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(recording(seen), ws="none", lifespan="off", log_config=None)
    connections = Connections(
        cast(DeviceRoutes, routes), AccessLog(None), config, ServerState(), loop
    )
    listening = listen("127.0.0.1", 0)
    listener = Listener(loop, listening, lambda: DeviceProtocol(connections), pytest.fail)
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield reader, writer, connections
    finally:
        writer.close()
        listener.close()


def talk(*parts: bytes, later: bool = False) -> Seen:
    """Returns what requests a connection reads in parts."""
    return asyncio.run(converse(parts, later=later))[0]


def statuses(*parts: bytes) -> list[bytes]:
    """Returns the statuses of the responses to parts."""
    written = asyncio.run(converse(parts))[1].written
    return [line[9:12] for line in written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def line(text: bytes) -> bytes:
    """Returns a request with a line."""
    return text + b"\r\nHost: x\r\n\r\n"


async def until_closed(wire: Wire, connections: Connections) -> None:
    """Waits until the server has closed a connection."""
    for _ in range(500):
        if wire.closed:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the connection is still open")
