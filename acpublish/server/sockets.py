"""The listening socket, and the limits of the process that serves it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from acpublish.errors import SettingsError

#: With the default, which grows to megabytes, an aborted download looks finished; 32 KiB costs a
#: factor of six. Linux gives accepted sockets the size of the listening one.
SEND_BUFFER_BYTES = 128 * 1024
BACKLOG = 2048
#: TEST-NET-1 (RFC 5737): connecting a UDP socket sends nothing, it only chooses the own address.
_ANYWHERE = ("192.0.2.1", 9)
LOOPBACK = "127.0.0.1"


def own_address() -> str:
    """Returns the address by which other hosts reach this one, loopback where there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_ANYWHERE)
            address: str = probe.getsockname()[0]
    except OSError:
        return LOOPBACK
    return LOOPBACK if address == "0.0.0.0" else address  # noqa: S104


def listen(bind: str, port: int) -> socket.socket:
    """Opens the listening socket.

    Raises:
        SettingsError: The address is none of this host's, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as fault:
        raise SettingsError(
            f"cannot listen at {bind!a}: it is no address", hint="Give one with --bind."
        ) from fault
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except (OSError, OverflowError) as fault:
        listener.close()
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise SettingsError(
            f"cannot listen at {bind} port {port}: {reason}",
            hint="Give another address with --bind, or another port with --port (0: a free one).",
        ) from fault
    return listener


def url_of(listener: socket.socket) -> str:
    """Returns the address of a listening socket, as a URL without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reaches_others(listener: socket.socket) -> bool:
    """Tells whether other hosts can reach a listening socket."""
    host = listener.getsockname()[0]
    return not ipaddress.ip_address(host.partition("%")[0]).is_loopback


def raise_open_files() -> None:
    """Raises the soft limit of open files to the hard one: each slow download holds one."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
