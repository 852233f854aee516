"""Connections on a port to which proxies connect as well: the PROXY header before everything else.

1. A named peer has to begin with a header, in the clear, also where TLS follows. A peer that sends
   anything else, or is too slow, is closed and logged once a minute.
2. Any other peer is a client: if it sends a header, that is a bad request.
3. Nothing after the header is read before TLS begins, because TLS has to read all of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from acpublish.server.bounds import PROXY_HEADER_S, READ_BYTES
from acpublish.server.connections import Connections
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.proxy_header import (
    Proxies,
    ProxyHeader,
    ProxyHeaderError,
    missing_bytes,
    read_proxy_header,
)
from acpublish.server.socket_transport import SocketTransport
from acpublish.server.tls import Handshake

if TYPE_CHECKING:
    from acpublish.server.tls import Certificate


class ProxiedPort:
    """What the connections of a port share if there are proxies."""

    def __init__(
        self, connections: Connections, proxies: Proxies, certificate: Certificate | None = None
    ) -> None:
        """Prepares to accept connections.

        Args:
            connections: What all connections of the server share.
            proxies: Who has to send a header.
            certificate: For a port with TLS.
        """
        self.connections = connections
        self.proxies = proxies
        self.certificate = certificate


class ProxiedProtocol(asyncio.Protocol):
    """A connection, until it is clear whose it is.

    Attributes:
        secure: That it has no TLS yet.
        transport: What carries it.
    """

    secure = False

    def __init__(self, port: ProxiedPort) -> None:
        """Prepares for a connection.

        Args:
            port: What the connections of the port share.
        """
        self._port = port
        self.transport: SocketTransport
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a header, if the peer is a proxy."""
        self.transport = cast(SocketTransport, transport)
        peer = transport.get_extra_info("peername")
        connections = self._port.connections
        if not isinstance(peer, tuple) or not self._port.proxies.has(peer[0]):
            self._leave(None, b"")
            return
        connections.open.add(self)
        connections.deadlines.add(self, PROXY_HEADER_S)
        if connections.is_full:
            connections.excess.note("there are too many connections already")
            self.abort()
            return
        self._read_only_the_header()

    def _read_only_the_header(self) -> None:
        """Reads no further than to the end of the header, if TLS follows."""
        if self._port.certificate is not None:
            self.transport.read_bytes = missing_bytes(self._data)

    def data_received(self, data: bytes) -> None:
        """Reads the header, or the next part of it."""
        self._data += data
        try:
            header = read_proxy_header(self._data)
        except ProxyHeaderError as error:
            self._refuse(str(error))
            return
        if header is None:
            self._read_only_the_header()
        else:
            self._leave(header, self._data[header.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait."""
        self._port.connections.open.discard(self)
        self._port.connections.deadlines.discard(self)

    def shutdown(self) -> None:
        """Ends the connection, as no request was read."""
        self.transport.close()

    def abort(self) -> None:
        """Breaks the connection off."""
        self.transport.abort()

    def too_slow(self) -> None:
        """Gives up a proxy whose header has not arrived in time."""
        self._refuse(f"it did not arrive within {PROXY_HEADER_S:g} s")

    def _refuse(self, reason: str) -> None:
        peer = self.transport.get_extra_info("peername")[0]
        self._port.connections.excess.note(
            f"no valid PROXY header from {peer}, as --proxy-protocol demands: {reason}"
        )
        self.transport.abort()

    def _leave(self, header: ProxyHeader | None, rest: bytes) -> None:
        """Leaves the connection to the protocol of devices, or to TLS."""
        connections, certificate = self._port.connections, self._port.certificate
        connections.open.discard(self)
        connections.deadlines.discard(self)
        self.transport.read_bytes = READ_BYTES
        protocol: asyncio.Protocol
        if certificate is None:
            protocol = DeviceProtocol(connections, header)
        else:
            protocol = Handshake(connections, certificate, header)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if rest:
            protocol.data_received(rest)
