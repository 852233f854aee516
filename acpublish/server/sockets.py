"""The listening socket, the address and names of this machine, and what the kernel counts."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
import threading
from collections.abc import Set
from functools import lru_cache
from typing import Any

from acpublish.errors import SettingsError, reason_of
from acpublish.wire import authority_of

#: With the default, which grows to megabytes, an aborted download looks finished; 32 KiB costs a
#: factor of six. Linux gives accepted sockets the size of the listening one.
SEND_BUFFER_BYTES = 128 * 1024
#: How much of that may wait to be sent at all: 10,000 downloads at once would otherwise fill the
#: memory that the kernel has for TCP (33 kB each instead of 218), and then every connection waits.
UNSENT_BYTES = 16 * 1024
#: ``linux/tcp.h``; the socket module has it only from Python 3.12 on.
_TCP_NOTSENT_LOWAT = 25
BACKLOG = 2048
#: TEST-NET-1 (RFC 5737): connecting a UDP socket sends nothing, it only selects the own address.
_ANYWHERE = ("192.0.2.1", 9)
#: The same for IPv6 (RFC 3849).
_ANYWHERE_6 = ("2001:db8::1", 9)
LOOPBACK = "127.0.0.1"
_LOOPBACK_6 = "::1"
#: How long the start waits for the resolver, which may not respond at all without a network.
_NAMES_WAIT_S = 1.0


def own_address() -> str:
    """Returns the address by which other hosts reach this one, loopback if there is none."""
    return _own_address(socket.AF_INET, _ANYWHERE) or LOOPBACK


def _own_address(family: socket.AddressFamily, anywhere: tuple[str, int]) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(anywhere)
            address: str = probe.getsockname()[0]
    except OSError:
        return None
    return None if ipaddress.ip_address(address.partition("%")[0]).is_unspecified else address


@lru_cache(maxsize=1)
def machine_names() -> Set[str]:
    """Returns what this machine is called, in lower case.

    A resolver that is slow adds its names later.
    """
    hostname = socket.gethostname().lower()
    short = hostname.partition(".")[0]
    # Multicast DNS finds a machine under this name (RFC 6762, section 3).
    names = {hostname, short, f"{short}.local"} if short else set()

    def look_up() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            name, aliases, _ = socket.gethostbyaddr(hostname)
            names.update(known.lower() for known in (name, *aliases))

    resolver = threading.Thread(target=look_up, daemon=True)
    resolver.start()
    resolver.join(_NAMES_WAIT_S)
    return names


def listen(bind: str, port: int, option: str = "--port") -> socket.socket:
    """Opens a listening socket.

    Args:
        bind: The address.
        port: The port; 0 for a free one.
        option: The option that names the port.

    Raises:
        SettingsError: The address does not belong to this host, or the port is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"cannot listen on {bind!a}: it is not an address",
            hint="Pass an IP address of this host with --bind.",
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # Otherwise a small answer in two parts waits for the other side to acknowledge the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"cannot listen on {bind} port {port}: {reason}",
            hint=f"Pass another address with --bind, or another port with {option} "
            "(0: a free one).",
        ) from error
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Returns the address of a listening socket, as a URL without a path.

    For a socket that listens on all addresses, it is the one by which other hosts reach this one,
    and that of IPv4 if it listens on both.

    Args:
        listener: The socket.
        scheme: ``http`` or ``https``.
    """
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = own_address() if _has_ipv4(listener) else _own_address_6()
    return f"{scheme}://{authority_of(host, port)}"


def _has_ipv4(listener: socket.socket) -> bool:
    """Returns whether a socket that listens on all addresses has those of IPv4."""
    if listener.family != socket.AF_INET6:
        return True
    return not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def _own_address_6() -> str:
    return _own_address(socket.AF_INET6, _ANYWHERE_6) or _LOOPBACK_6


def reached_by(listener: socket.socket) -> str | None:
    """Returns who reaches a listening socket, as a sentence; None if its URL says all."""
    host, port = listener.getsockname()[:2]
    host = host.partition("%")[0]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        if listener.family != socket.AF_INET6 or not _has_ipv4(listener):
            return None
        return f"over IPv6, the server is at http://{authority_of(_own_address_6(), port)}"
    if address.is_loopback:
        return f"only this machine reaches the server; --bind {_all_of(address)} admits others"
    return (
        f"only {host} is served, not localhost or other addresses of this machine; --bind "
        f"{_all_of(address)} serves all of them"
    )


def _all_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return "0.0.0.0" if address.version == 4 else "::"  # noqa: S104


def reaches_others(listener: socket.socket) -> bool:
    """Returns whether other hosts can reach a listening socket."""
    host = listener.getsockname()[0]
    return not ipaddress.ip_address(host.partition("%")[0]).is_loopback


def raise_open_files() -> None:
    """Raises the soft limit of open files to the hard one: each slow download needs one."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_files() -> int:
    """Returns how many files this process may have open."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit, but asyncio can watch only so many sockets there (select).
        return _FILES_OF_WINDOWS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


_FILES_OF_WINDOWS = 512

#: ``struct tcp_info`` of ``linux/tcp.h``: the offset of ``tcpi_bytes_acked``, a 64-bit number.
_BYTES_ACKED_OFFSET = 120


def acknowledged_bytes(connected: Any) -> int | None:
    """Returns how many bytes the other side of a connection has acknowledged.

    Args:
        connected: The socket, or what uvloop hands out in its place.

    Returns:
        None if the system does not count them.
    """
    try:
        information = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        count: int = struct.unpack_from("=Q", information, _BYTES_ACKED_OFFSET)[0]
    except (AttributeError, OSError, struct.error):
        return None
    return count
