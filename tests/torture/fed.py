"""Our protocol without a socket: what it is fed, and what it writes.

:class:`Fed` mirrors what uvloop 0.22's ``UVStream`` and asyncio's ``_SelectorTransport`` do for a
client that takes everything at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.app import create_app
from acpublish.server.config import ServerOptions
from acpublish.server.connections import Connections
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.tokens import Tokens
from tests.unit.server.in_memory import lamp_catalog

_PATIENCE_S = 5.0


class Fed(asyncio.Transport):
    """A transport whose other side takes everything at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any) -> None:
        """Connects a protocol."""
        super().__init__({"peername": ("192.0.2.7", 1), "sockname": ("192.0.2.1", 80)})
        self._loop = loop
        self._protocol = protocol
        self._closing = self._lost = False
        self.written: list[bytes] = []
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """Passes bytes on, if the protocol reads."""
        if not self._closing:
            self._protocol.data_received(data)

    def write(self, data: Any) -> None:
        """Takes what is written."""
        if not self._closing:
            self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        """Takes what is written."""
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        """Ends the connection, as transports do: in the next turn of the loop."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self.lose)

    def abort(self) -> None:
        """Breaks the connection off."""
        self.close()

    def lose(self) -> None:
        """Tells the protocol that the connection has ended."""
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        """Returns whether the connection ends."""
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Passes the connection on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Returns who has the connection."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def get_write_buffer_size(self) -> int:
        """Returns that everything has left."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Does nothing: there is no buffer."""

    def pause_reading(self) -> None:
        """Does nothing: what is fed at once may still arrive."""

    def resume_reading(self) -> None:
        """Does nothing."""


class InProcess:
    """A server in this process, without a socket."""

    def __init__(self, folder: Path) -> None:
        """Publishes a lamp, which it serves."""
        state = folder / "state"
        self.catalog = lamp_catalog(folder)
        options = ServerOptions(catalog=self.catalog, bind="127.0.0.1", state=state)
        app = create_app(options, DirectoryCatalog(self.catalog, state), Tokens(state))
        config = uvicorn.Config(
            app, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False
        )
        self._loop = asyncio.get_running_loop()
        config.load()
        self.connections = Connections(app.routes, app.log, config, ServerState(), self._loop)

    async def take(self, parts: Sequence[bytes]) -> list[bytes]:
        """Feeds a connection, and returns what was written on it."""
        transport = Fed(self._loop, DeviceProtocol(self.connections))
        for part in parts:
            transport.feed(part)
        await asyncio.sleep(0)
        if self.connections.tasks:
            await self._finish()
        transport.lose()
        return transport.written

    async def _finish(self) -> None:
        """Waits for files, and for uvicorn's cycles, which wait for no more than a turn."""
        end = time.monotonic() + _PATIENCE_S
        while self.connections.tasks and time.monotonic() < end:
            await asyncio.sleep(0)
        # For what was called soon after the last of them.
        await asyncio.sleep(0)
