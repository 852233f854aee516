"""The PROXY protocol: the header with which a proxy that passes TCP through names its client.

Specification: ``doc/proxy-protocol.txt`` of HAProxy, versions 1 (section 2.1) and 2 (section 2.2).
Here are only the bytes, and who may send them; :mod:`acpublish.server.proxied` reads them from a
connection.

1. The receiver does not guess: a named peer has to send a header, and nobody else may.
2. ``UNKNOWN``, ``LOCAL`` and families other than TCP leave the addresses of the connection as they
   are; anything that is not exactly as specified is an error.
3. Version 2 can be followed by further values, which are skipped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from acpublish.errors import SettingsError

Address = tuple[str, int]

#: The longest line of version 1, with CR LF (section 2.1).
MAX_LINE_BYTES = 107
#: The longest header of version 2. The addresses have 232 bytes at most; what follows them, such as
#: the name of a client certificate, is short, but a header may claim to have 64 KiB.
MAX_BINARY_BYTES = 4096

_START = b"PROXY "
PROXY_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
#: Signature, version and command, family and protocol, and the length of what follows.
_FIXED_BYTES = 16
#: The shortest lines: ``PROXY TCP4 1.1.1.1 1.1.1.1 1 1``, ``PROXY TCP6 :: :: 1 1``, and
#: ``PROXY UNKNOWN``, each with CR LF.
_SHORTEST = {b"PROXY TCP4": 32, b"PROXY TCP6": 22}
_SHORTEST_BYTES = 15

_PORT = rb"(0|[1-9][0-9]{0,4})"
_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP(?:4 ([0-9.]+) ([0-9.]+)|6 ([0-9A-Fa-f:.]+) "
    rb"([0-9A-Fa-f:.]+)) %s %s)\r\n" % (_PORT, _PORT)
)
_MAX_PORT = 65535

_LOCAL, _PROXY = 0x20, 0x21
#: The bytes of an address for each family (section 2.2): unspecified, IPv4, IPv6, and Unix.
_ADDRESS_BYTES = {0: 0, 1: 4, 2: 16, 3: 108}
_UNIX = 3
_PROTOCOLS = (0, 1, 2)
_STREAM = 1
_PORT_BYTES = 2


class ProxyHeaderError(ValueError):
    """What a proxy sent is not a PROXY header."""


class ProxyHeader(NamedTuple):
    """A whole header.

    Attributes:
        client: Where the client connects from; None to use the connection's own addresses.
        server: What the client is connected to, likewise.
        size: The size of the header, in bytes.
    """

    client: Address | None
    server: Address | None
    size: int


def missing_bytes(data: bytes) -> int:
    """Returns how many bytes certainly belong to a header that begins with some bytes.

    Whoever reads no more than that never reads what follows the header.

    Args:
        data: What arrived, without what follows the header.

    Returns:
        0 if the header is complete.

    Raises:
        ProxyHeaderError: It is not a header, or too long.
    """
    if data.startswith(PROXY_SIGNATURE):
        return _binary_bytes(data) - len(data)
    if data and PROXY_SIGNATURE.startswith(data):
        return _FIXED_BYTES - len(data)
    _check_beginning(data)
    if data.endswith(b"\r\n"):
        return 0
    if b"\n" in data or b"\r" in data[:-1]:
        raise ProxyHeaderError("its line does not end with CR LF")
    if len(data) >= MAX_LINE_BYTES:
        raise ProxyHeaderError("its line is too long")
    shortest = _SHORTEST.get(data[:10], _SHORTEST_BYTES)
    return max(shortest - len(data), 1 if data.endswith(b"\r") else 2)


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """Reads the header at the beginning of a connection.

    Args:
        data: What arrived, with or without what follows the header.

    Returns:
        None if it is not complete yet.

    Raises:
        ProxyHeaderError: It is not a header, or too long.
    """
    if data.startswith(PROXY_SIGNATURE):
        size = _binary_bytes(data)
        return _read_binary(data[:size]) if size <= len(data) else None
    if PROXY_SIGNATURE.startswith(data):
        return None
    _check_beginning(data)
    end = data.find(b"\n", 0, MAX_LINE_BYTES) + 1
    if not end:
        # This also refuses a line that is too long.
        missing_bytes(data[:MAX_LINE_BYTES])
        return None
    return _read_line(data[:end])


def _check_beginning(data: bytes) -> None:
    if not data.startswith(_START) and not _START.startswith(data):
        raise ProxyHeaderError("it begins differently")


def _read_line(line: bytes) -> ProxyHeader:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ProxyHeaderError("its line is not as specified")
    client4, server4, client6, server6, *ports = match.groups()
    client, server = client4 or client6, server4 or server6
    if client is None:
        return ProxyHeader(None, None, len(line))
    client_port, server_port = map(int, ports)
    if max(client_port, server_port) > _MAX_PORT:
        raise ProxyHeaderError("a port is too large")
    version = 4 if client4 else 6
    return ProxyHeader(
        (_address(client, version), client_port),
        (_address(server, version), server_port),
        len(line),
    )


def _address(text: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(text.decode("ascii"))
    except ValueError as error:
        raise ProxyHeaderError("an address is not valid") from error
    if address.version != version:
        raise ProxyHeaderError("an address is of another family")
    return str(address)


def _binary_bytes(data: bytes) -> int:
    """Returns the size of a header of version 2, as far as it is known."""
    known = len(PROXY_SIGNATURE)
    if len(data) > known and data[known] not in (_LOCAL, _PROXY):
        raise ProxyHeaderError("its version or command is unknown")
    if len(data) > known + 1:
        family, protocol = divmod(data[known + 1], 16)
        if family not in _ADDRESS_BYTES or protocol not in _PROTOCOLS:
            raise ProxyHeaderError("its family or protocol is unknown")
    if len(data) < _FIXED_BYTES:
        return _FIXED_BYTES
    size = _FIXED_BYTES + int.from_bytes(data[14:_FIXED_BYTES], "big")
    if size > MAX_BINARY_BYTES:
        raise ProxyHeaderError("it is too long")
    return size


def _read_binary(data: bytes) -> ProxyHeader:
    family, protocol = divmod(data[13], 16)
    width = _ADDRESS_BYTES[family]
    nothing = ProxyHeader(None, None, len(data))
    if data[12] == _LOCAL or not family or not protocol:
        return nothing
    ports = 0 if family == _UNIX else 2 * _PORT_BYTES
    if len(data) < _FIXED_BYTES + 2 * width + ports:
        raise ProxyHeaderError("it is too short for its addresses")
    if family == _UNIX or protocol != _STREAM:
        return nothing
    at = _FIXED_BYTES
    client, server = (
        str(ipaddress.ip_address(data[start : start + width])) for start in (at, at + width)
    )
    at += 2 * width
    client_port, server_port = (
        int.from_bytes(data[start : start + _PORT_BYTES], "big") for start in (at, at + _PORT_BYTES)
    )
    return ProxyHeader((client, client_port), (server, server_port), len(data))


class Proxies:
    """The peers that have to begin each connection with a PROXY header."""

    def __init__(self, peers: Iterable[str] = ()) -> None:
        """Takes addresses and networks.

        Args:
            peers: Each as ``192.0.2.1``, ``2001:db8::1``, ``192.0.2.0/24`` or ``2001:db8::/32``.

        Raises:
            SettingsError: One of them is neither an address nor a network.
        """
        self._networks = [_network(peer) for peer in peers]

    def __bool__(self) -> bool:
        """Returns whether there are any."""
        return bool(self._networks)

    def has(self, address: str | None) -> bool:
        """Returns whether an address is one of these peers.

        Args:
            address: The address of a connection's other side, None if it has none.
        """
        if not self._networks or address is None:
            return False
        peer = ipaddress.ip_address(address.partition("%")[0])
        # A socket that listens on all addresses shows those of IPv4 as IPv6.
        mapped = getattr(peer, "ipv4_mapped", None) or peer
        return any(mapped in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise SettingsError(
            f"--proxy-protocol: {text!a} is neither an address nor a network",
            hint="Use the address from which the proxy connects, such as 127.0.0.1 or "
            "192.168.1.0/24.",
        ) from error
