"""What devices and clients send, byte for byte as in tests/data/wire, and one-off exchanges."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from bench.report import BenchError

OTHER_MD5 = "0d" * 16
MAC = "DE:BA:7A:B1:E0:42"
_PATIENCE_S = 20.0
_CHECKS_PER_S = 50
_UP_TO_DATE = b"HTTP/1.1 304 "
#: One address has too few ports: each is taken for a minute after its connection.
_ADDRESSES = 64
#: The port is chosen with the connection (ip(7)), and not from those that are free altogether.
_IP_BIND_ADDRESS_NO_PORT = 24


def device_headers(sketch_md5: str = OTHER_MD5, mac: str = MAC) -> tuple[str, ...]:
    """Returns the headers of an ESP8266 that checks for an update (ESP8266httpUpdate.cpp)."""
    return (
        "User-Agent: ESP8266-http-Update",
        "Connection: close",
        "x-ESP8266-Chip-ID: 15602487",
        f"x-ESP8266-STA-MAC: {mac}",
        f"x-ESP8266-AP-MAC: {mac}",
        "x-ESP8266-free-space: 1695744",
        "x-ESP8266-sketch-size: 400000",
        f"x-ESP8266-sketch-md5: {sketch_md5}",
        "x-ESP8266-chip-size: 4194304",
        "x-ESP8266-sdk-version: 2.5.0",
        "x-ESP8266-mode: sketch",
    )


def request(target: str, headers: tuple[str, ...] = ()) -> bytes:
    """Returns an HTTP/1.0 request."""
    lines = (f"GET {target} HTTP/1.0", "Host: 127.0.0.1", *headers, "", "")
    return "\r\n".join(lines).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response's status and body."""

    status: int
    body: bytes


def ask(port: int, target: str, headers: tuple[str, ...] = ()) -> Response:
    """Sends one request, and reads until the server closes the connection.

    Raises:
        BenchError: There was no HTTP response.
    """
    parts = []
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
        connection.sendall(request(target, headers))
        while part := connection.recv(1 << 18):
            parts.append(part)
    head, end, body = b"".join(parts).partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if not end or len(words) < 2 or not words[1].isdigit():
        raise BenchError(f"no HTTP response to {target}")
    return Response(status=int(words[1]), body=body)


def check_all(port: int, requests: Iterable[bytes], concurrency: int) -> None:
    """Sends up-to-date checks, with a connection for each, some at a time.

    Raises:
        BenchError: A device was not told that it is up to date.
    """
    waiting = iter(requests)
    while batch := list(islice(waiting, concurrency)):
        connections = [_connected(port, check) for check in batch]
        for connection, check in zip(connections, batch, strict=True):
            connection.sendall(check)
        for connection in connections:
            with connection:
                _need_up_to_date(connection)


def from_own_address(connection: socket.socket, check: bytes) -> None:
    """Lets a connection come from the address that a device keeps.

    Args:
        connection: A connection that is not connected yet.
        check: What the device sends, which tells it from the others.
    """
    connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((f"127.0.0.{1 + zlib.crc32(check) % _ADDRESSES}", 0))


def _connected(port: int, check: bytes) -> socket.socket:
    connection = socket.socket()
    try:
        connection.settimeout(_PATIENCE_S)
        from_own_address(connection, check)
        connection.connect(("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


def steady_checks(port: int, checks: Sequence[bytes], ends: Callable[[], bool]) -> list[float]:
    """Sends 50 up-to-date checks per second, until ``ends`` returns True.

    Returns:
        How many ms each took. A check that had to wait for the one before it counts from when it
        was due, so a server that pauses is late for all the checks of its pause.

    Raises:
        BenchError: A device was not told that it is up to date.
    """
    took_ms: list[float] = []
    start = time.perf_counter()
    while not ends():
        due = start + len(took_ms) / _CHECKS_PER_S
        early_s = due - time.perf_counter()
        if early_s > 0:
            time.sleep(early_s)
            due = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
            connection.sendall(checks[len(took_ms) % len(checks)])
            _need_up_to_date(connection)
        took_ms.append((time.perf_counter() - due) * 1000)
    return took_ms


def _need_up_to_date(connection: socket.socket) -> None:
    answer = b""
    try:
        while part := connection.recv(4096):
            answer += part
    except OSError as error:
        raise BenchError(f"no answer to an up-to-date check: {error}") from error
    if not answer.startswith(_UP_TO_DATE):
        raise BenchError(f"a device is not up to date: {answer[:80]!r}")
