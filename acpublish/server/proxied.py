"""Connections on a port to which proxies connect as well: the PROXY header before everything else.

1. A named peer has to begin with a header, in the clear, also where TLS follows. A peer that sends
   anything else, or is too slow, is closed and logged once a minute.
2. Any other peer is a client: if it sends a header, that is a bad request.
3. Nothing after the header is read before TLS begins, because TLS has to read all of it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from acpublish.errors import reason_of
from acpublish.server.bounds import PROXY_HEADER_S
from acpublish.server.connections import Connections
from acpublish.server.protocol import DeviceProtocol
from acpublish.server.proxy_header import (
    MAX_BINARY_BYTES,
    Proxies,
    ProxyHeader,
    ProxyHeaderError,
    missing_bytes,
    read_proxy_header,
)

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


class ProxiedProtocol(asyncio.BufferedProtocol):
    """A connection, until it is clear whose it is."""

    def __init__(self, port: ProxiedPort) -> None:
        """Prepares for a connection.

        Args:
            port: What the connections of the port share.
        """
        self._port = port
        self.transport: asyncio.Transport
        self._data = b""
        self._buffer = bytearray()
        self._left = False
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a header, if the peer is a proxy."""
        self.transport = cast(asyncio.Transport, transport)
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

    def get_buffer(self, sizehint: int) -> bytearray:
        """Returns where to read to: only to the end of the header, if TLS follows."""
        exact = self._port.certificate is not None and not self._left
        self._buffer = bytearray(missing_bytes(self._data) if exact else MAX_BINARY_BYTES)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Reads the header, or the next part of it."""
        self._data += self._buffer[:nbytes]
        if self._left:
            return
        try:
            header = read_proxy_header(self._data)
        except ProxyHeaderError as error:
            self._refuse(str(error))
            return
        if header is not None:
            self._leave(header, self._data[header.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait."""
        if self._handshake is None:
            self._port.connections.open.discard(self)
            self._port.connections.deadlines.discard(self)

    def shutdown(self) -> None:
        """Ends the connection, as no request was read."""
        if self._handshake is not None:
            self._handshake.cancel()
        else:
            self.transport.close()

    def abort(self) -> None:
        """Breaks the connection off."""
        if self._handshake is not None:
            self._handshake.cancel()
        else:
            self.transport.abort()

    def too_slow(self) -> None:
        """Gives up a proxy whose header has not arrived in time."""
        self._refuse(f"it did not arrive within {PROXY_HEADER_S:g} s")

    def _refuse(self, reason: str) -> None:
        self._left = True
        self._port.connections.excess.note(f"no valid PROXY header from a proxy: {reason}")
        self.transport.abort()

    def _leave(self, header: ProxyHeader | None, rest: bytes) -> None:
        """Leaves the connection to the protocol of devices."""
        if self._left or self.transport.is_closing():
            return
        self._left = True
        connections = self._port.connections
        connections.open.discard(self)
        connections.deadlines.discard(self)
        certificate = self._port.certificate
        device = DeviceProtocol(connections, header, secure=certificate is not None)
        if certificate is not None:
            self._begin_tls(certificate, device)
            return
        self.transport.pause_reading()
        self.transport.set_protocol(device)
        device.connection_made(self.transport)
        self.transport.resume_reading()
        if rest:
            device.data_received(rest)

    def _begin_tls(self, certificate: Certificate, device: DeviceProtocol) -> None:
        """Goes on with TLS on the same socket, which a new transport gets."""
        connections = self._port.connections
        connected = self.transport.get_extra_info("socket")
        try:
            copy = socket.fromfd(connected.fileno(), connected.family, socket.SOCK_STREAM)
        except OSError as error:
            connections.excess.note(f"TLS cannot begin: {reason_of(error)}")
            self.transport.abort()
            return
        # It is one of the open connections until the handshake has ended.
        connections.open.add(self)
        self._handshake = connections.loop.create_task(certificate.accept(copy, lambda: device))
        self._handshake.add_done_callback(lambda _: connections.open.discard(self))
        self.transport.abort()
