"""What all connections of a server share, and how many there may be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from acpublish.server.accesslog import AccessLog
from acpublish.server.bounds import (
    EXCESS_EVERY_S,
    HANDED_OVER_S,
    MAX_CONNECTIONS,
    MAX_HANDED_OVER,
    MAX_TLS_CONNECTIONS,
    RESERVED_FILES,
    RESERVED_FOR_API,
    SHARE_OF_ADDRESS,
)
from acpublish.server.deadlines import Deadlines
from acpublish.server.device_routes import DeviceRoutes
from acpublish.server.request_head import RequestHeads
from acpublish.server.response_head import ResponseDate
from acpublish.server.sockets import open_files

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from acpublish.server.proxy_header import ProxyHeader

_log = logging.getLogger("acpublish.server")


def address_of(transport: asyncio.BaseTransport, proxied: ProxyHeader | None) -> str | None:
    """Returns the IP address that a client connects from, None if that is not known."""
    if proxied is not None and proxied.client is not None:
        return proxied.client[0]
    peer = transport.get_extra_info("peername")
    return peer[0] if isinstance(peer, tuple) else None


def server_of(
    transport: asyncio.BaseTransport, proxied: ProxyHeader | None
) -> tuple[str, int] | None:
    """Returns the address and the port that a client is connected to, None if unknown."""
    if proxied is not None and proxied.server is not None:
        return proxied.server
    own = transport.get_extra_info("sockname")
    return (own[0], own[1]) if isinstance(own, tuple) and own[1] else None


class OpenConnection(Protocol):
    """A connection, whichever protocol has it.

    Attributes:
        secure: Whether it has TLS.
    """

    secure: bool

    @property
    def transport(self) -> asyncio.Transport:
        """What carries it."""

    def shutdown(self) -> None:
        """Ends it after the response that is going out."""

    def abort(self) -> None:
        """Breaks it off."""


class Connections:
    """What all connections of a server share.

    Attributes:
        routes: Answer requests.
        log: Where each response is logged.
        config: uvicorn's configuration, for what is handed over to it.
        state: uvicorn's state; its connections are those of both protocols.
        loop: The event loop.
        open: The connections that are open.
        tasks: The tasks that the server waits for at its end.
        heads: The heads of requests that were read last.
        date: The header Date.
        deadlines: Of the connections from which a head is expected.
        excess: Counts what was refused because there is too much of it.
        handshakes: How many handshakes of TLS have begun and have not ended.
    """

    def __init__(
        self,
        routes: DeviceRoutes,
        log: AccessLog,
        config: Config,
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
        *,
        most: int | None = None,
        shared: Callable[[str], bool] = lambda address: False,
    ) -> None:
        """Prepares to accept connections.

        Args:
            routes: Answer requests.
            log: Where each response is logged.
            config: uvicorn's configuration.
            state: uvicorn's state.
            loop: The event loop.
            most: How many there may be, by default as many as the system allows files.
            shared: Returns whether an address is that of a proxy, which has no limit of its own.
        """
        self.routes = routes
        self.log = log
        self.config = config
        self.state = state
        self.loop = loop
        self.open: set[OpenConnection] = state.connections  # type: ignore[assignment]
        self.tasks = state.tasks
        self.heads = RequestHeads()
        self.date = ResponseDate()
        self.deadlines = Deadlines(loop)
        self.excess = Excess(loop)
        if most is None:
            files = open_files()
            most = min(max(files - RESERVED_FILES, files // 2), MAX_CONNECTIONS)
        self._most = max(most, 2)
        self._most_of_devices = max(self._most - RESERVED_FOR_API, self._most // 2)
        self._most_of_address = max(int(self._most_of_devices * SHARE_OF_ADDRESS), 1)
        self._shared = shared
        self._period_ends = 0.0
        self._handed_over = 0
        self.handshakes = 0
        #: How many of the connections have TLS.
        self._secure = 0
        self._of_address: dict[str | None, int] = {}

    def add(self, connection: OpenConnection, address: str | None) -> str:
        """Adds a connection that was opened.

        Args:
            connection: The connection.
            address: Where it comes from.

        Returns:
            Why there are too many, empty if there are not.
        """
        self.open.add(connection)
        self._secure += connection.secure
        count = self._of_address.get(address, 0) + 1
        self._of_address[address] = count
        if len(self.open) > self._most_of_devices:
            return f"there are {self._most_of_devices} connections already"
        if count > self._most_of_address and not self._shared(address or ""):
            return (
                f"{address} has {self._most_of_address} connections already; if it is a proxy, "
                "see --proxy-protocol"
            )
        if self._secure > MAX_TLS_CONNECTIONS:
            return f"there are {MAX_TLS_CONNECTIONS} connections with TLS already"
        return ""

    @property
    def most(self) -> int:
        """How many there may be, without those that are left for the API."""
        return self._most_of_devices

    @property
    def is_full(self) -> bool:
        """Whether there is not even a connection left for the API."""
        return len(self.open) > self._most

    def may_use_api(self, address: str | None) -> bool:
        """Returns whether a connection of which there are too many may be one to the API.

        Args:
            address: Where it comes from; one with more than its share must leave room for others.
        """
        return (
            not self.is_full
            and self._secure <= MAX_TLS_CONNECTIONS
            and (
                self._of_address.get(address, 0) <= self._most_of_address
                or self._shared(address or "")
            )
        )

    def may_hand_over(self) -> bool:
        """Returns whether one more request may be handed over now, and counts it."""
        now = self.loop.time()
        if now >= self._period_ends:
            self._period_ends = now + HANDED_OVER_S
            self._handed_over = 0
        self._handed_over += 1
        return self._handed_over <= MAX_HANDED_OVER

    def remove(self, connection: OpenConnection, address: str | None) -> None:
        """Removes a connection that has ended."""
        self.open.discard(connection)
        self._secure -= connection.secure
        count = self._of_address[address]
        if count > 1:
            self._of_address[address] = count - 1
        else:
            del self._of_address[address]


class Excess:
    """What was refused because there is too much of it; the log tells of it once a minute."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts to count.

        Args:
            loop: The event loop.
        """
        self._loop = loop
        self._counts: dict[str, int] = {}

    def note(self, reason: str) -> None:
        """Counts a refusal; the first one is logged immediately.

        Args:
            reason: What there is too much of; one of few texts.
        """
        if reason in self._counts:
            self._counts[reason] += 1
            return
        self._counts[reason] = 0
        _log.warning("refused: %s", reason)
        self._loop.call_later(EXCESS_EVERY_S, self._tell, reason)

    def _tell(self, reason: str) -> None:
        count = self._counts.pop(reason)
        if count:
            _log.warning("refused %d more times within a minute: %s", count, reason)
            self._counts[reason] = 0
            self._loop.call_later(EXCESS_EVERY_S, self._tell, reason)
