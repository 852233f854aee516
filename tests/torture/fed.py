"""Our protocol in this process, on its own transport: what a client sends, and what it gets.

Each connection is a pair of sockets, of which the server has one as if it had accepted it. They are
Unix sockets, because a million TCP connections in a few minutes would use up the ports; those come
over the wire (:mod:`tests.torture.unbroken`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from uvicorn.server import ServerState

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.app import create_app
from acpublish.server.config import ServerOptions
from acpublish.server.connections import Connections
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.proxy_header import ProxyHeader
from acpublish.server.socket_transport import SocketTransport
from acpublish.server.tokens import Tokens
from tests.unit.server.in_memory import lamp_catalog

PATIENCE_S = 20.0
_CLIENT = ("192.0.2.7", 1)
#: A Unix socket has no addresses.
_ADDRESSES = ProxyHeader(client=_CLIENT, server=("192.0.2.1", 80), size=0)


class Connected:
    """A connection, as its client sees it.

    Attributes:
        received: What the client has received.
        transport: The server's end.
    """

    def __init__(self, connections: Connections) -> None:
        """Connects a client; the server does not know yet.

        Args:
            connections: The server's.
        """
        accepted, self._client = socket.socketpair()
        for end in (accepted, self._client):
            end.setblocking(False)
        self._tasks = connections.tasks
        self._accepted = accepted
        self._protocol = DeviceProtocol(connections, _ADDRESSES)
        self.transport = SocketTransport(connections.loop, accepted, _CLIENT)
        self.received = bytearray()

    def start(self) -> None:
        """Lets the server begin, which reads what has been sent already."""
        self.transport.start(self._protocol)

    def send(self, data: bytes) -> int:
        """Sends what the system takes, and returns how much that is."""
        try:
            return self._client.send(data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            # The server has ended the connection, and reads no more.
            return len(data)

    async def send_and_wait(self, data: bytes) -> None:
        """Sends everything, and waits until the server has read it, or does not want to."""
        while data := data[self.send(data) :]:
            # The server may wait for a client that does not read.
            await _until(lambda: self._receive() or not self._unread())
        await _until(lambda: not self._unread())

    def _unread(self) -> bool:
        if self.transport.is_closing() or not self.transport.is_reading():
            return False
        (count,) = struct.unpack("i", fcntl.ioctl(self._accepted, termios.FIONREAD, bytes(4)))
        return bool(count)

    async def end(self) -> None:
        """Waits for files and uvicorn's cycles, sends nothing more, and receives to the end."""
        try:
            await _until(lambda: self._receive() or not self._tasks)
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_WR)
            await _until(self._receive)
        finally:
            self.transport.abort()
            self._client.close()

    def _receive(self) -> bool:
        """Receives what has arrived; returns whether the server has ended the connection."""
        with contextlib.suppress(BlockingIOError):
            try:
                while part := self._client.recv(256 * 1024):
                    self.received += part
            except ConnectionResetError:
                pass
            return True
        return False


async def _until(condition: Callable[[], bool]) -> None:
    """Gives the loop turns, the first of them in any case."""
    end = time.monotonic() + PATIENCE_S
    await asyncio.sleep(0)
    while not condition():
        assert time.monotonic() < end, "a connection does not go on"
        await asyncio.sleep(0)


class InProcess:
    """A server in this process, which does not listen."""

    def __init__(self, folder: Path) -> None:
        """Publishes a lamp, which it serves."""
        state = folder / "state"
        self.catalog = lamp_catalog(folder)
        options = ServerOptions(catalog=self.catalog, bind="127.0.0.1", state=state)
        app = create_app(options, DirectoryCatalog(self.catalog, state), Tokens(state))
        config = uvicorn.Config(
            app, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False
        )
        config.load()
        loop = asyncio.get_running_loop()
        self.connections = Connections(app.routes, app.log, config, ServerState(), loop)

    async def take(self, parts: Sequence[bytes]) -> bytes:
        """Sends parts on a connection, and returns what is received before it ends.

        Raises:
            AssertionError: It does not end.
        """
        connected = Connected(self.connections)
        first, *others = parts or [b""]
        connected.send(first)
        connected.start()
        for part in others:
            await connected.send_and_wait(part)
        await connected.end()
        return bytes(connected.received)
