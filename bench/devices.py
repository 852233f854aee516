"""What devices and clients send, byte for byte as in tests/data/wire, and one-off exchanges."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from bench.report import BenchError

OTHER_MD5 = "0d" * 16
_PATIENCE_S = 20.0


def device_headers(sketch_md5: str = OTHER_MD5) -> tuple[str, ...]:
    """Returns the headers of an ESP8266 that checks for an update (ESP8266httpUpdate.cpp)."""
    return (
        "User-Agent: ESP8266-http-Update",
        "Connection: close",
        "x-ESP8266-Chip-ID: 15602487",
        "x-ESP8266-STA-MAC: DE:BA:7A:B1:E0:42",
        "x-ESP8266-AP-MAC: DE:BA:7A:B1:E0:42",
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
