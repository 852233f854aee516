"""The HTTP of a device: one request on one socket, and its answer as HTTPClient reads it.

Sources: ``handleHeaderResponse`` and ``errorToString`` in ``ESP8266HTTPClient.cpp`` and in
arduino-esp32's ``HTTPClient.cpp``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from acpublish.errors import SettingsError

_MAX_HEAD_BYTES = 64 * 1024


class HttpError(Exception):
    """A failure with the words of ``HTTPClient::errorToString``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sketch asks: host, port, the raw target, and the credentials of the URL."""

    host: str
    port: int
    target: bytes
    user: str | None = None
    password: str | None = None


def find(url: str) -> Place:
    """Takes a URL apart as ``HTTPClient::begin`` does: the target stays as it is.

    Raises:
        SettingsError: It is not the URL of an http server.
    """
    hint = "Give one such as http://192.168.1.10:8000/sensor.bin."
    scheme, _, rest = url.partition("://")
    if scheme.lower() != "http" or any(mark < " " or mark == "\x7f" for mark in url):
        raise SettingsError(
            "the software device can only ask an http:// address", hint=f"{hint} It has no TLS."
        )
    authority, slash, target = rest.partition("/")
    try:
        parts = urlsplit(f"http://{authority}/")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("the address has a host or port that is none", hint=hint) from None
    if not host or port == 0 or any(mark in authority for mark in "?# "):
        raise SettingsError("the address names no host", hint=hint)
    return Place(
        host=host,
        port=port or 80,
        target=(slash + target).encode("utf-8", "surrogateescape"),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


class Answer:
    """The head of an answer, and its body on the socket.

    Attributes:
        status: The HTTP status.
        size: Content-Length, -1 where there is none.
        head_bytes: How long the head is.
        in_first_segment: How many bytes of the body came in the head's last segment.
    """

    def __init__(self, link: socket.socket, segment_bytes: int) -> None:
        self._link = link
        self._segment_bytes = segment_bytes
        self._pending = b""
        self._headers: dict[str, str] = {}
        self.status = -1
        self.size = -1
        self.head_bytes = 0
        self.in_first_segment = 0

    def header(self, name: str) -> str:
        """Returns a header; the values of one that came twice are joined, as the C++ code does."""
        return self._headers.get(name.lower(), "")

    def read_head(self, chip: str, timeout_s: float) -> None:
        """Reads up to the empty line.

        Raises:
            HttpError: It does not come, or is none that the C++ code would take.
        """
        self._link.settimeout(timeout_s)
        head = b""
        while b"\n\r\n" not in head and b"\n\n" not in head:
            part = self._receive("read Timeout")
            if not part:
                raise HttpError("connection lost")
            head += part
            if len(head) > _MAX_HEAD_BYTES:
                raise HttpError("too less ram")
        ends = [head.find(mark) + len(mark) for mark in (b"\n\r\n", b"\n\n") if mark in head]
        self.head_bytes = min(ends)
        self._pending = head[self.head_bytes :]
        self.in_first_segment = len(self._pending)
        for line in head[: self.head_bytes].decode("latin-1").split("\n"):
            self._take(line.strip())
        self._judge(chip)

    def _take(self, line: str) -> None:
        if line.startswith("HTTP/1."):
            self.status = _leading_number(line[9:])
            return
        name, colon, value = line.partition(":")
        if not colon:
            return
        name, value = name.lower(), value.strip()
        if name == "content-length":
            self.size = _leading_number(value)
        before = self._headers.get(name)
        self._headers[name] = f"{before},{value}" if before else value

    def _judge(self, chip: str) -> None:
        if self.status <= 0:
            raise HttpError("no HTTP server")
        encoding = self.header("Transfer-Encoding").lower()
        known = ("", "chunked") if chip == "esp8266" else ("", "chunked", "identity")
        if encoding not in known:
            raise HttpError("Transfer-Encoding not supported")

    def peek(self, count: int) -> bytes:
        """Returns the next bytes of the body without taking them; fewer when no more come."""
        while len(self._pending) < count:
            try:
                part = self._receive("")
            except HttpError:
                break
            if not part:
                break
            self._pending += part
        return self._pending[:count]

    def read(self, count: int, stall_s: float) -> bytes:
        """Returns the next bytes of the body; fewer when the server stalls or leaves."""
        self._link.settimeout(stall_s)
        taken = bytearray(self._pending[:count])
        self._pending = self._pending[count:]
        while len(taken) < count:
            try:
                part = self._link.recv(min(count - len(taken), 64 * 1024))
            except OSError:
                break
            if not part:
                break
            taken += part
        return bytes(taken)

    def _receive(self, late: str) -> bytes:
        try:
            return self._link.recv(self._segment_bytes)
        except TimeoutError:
            raise HttpError(late) from None
        except OSError:
            raise HttpError("connection lost") from None


@contextmanager
def asked(
    place: Place, request: bytes, *, chip: str, timeout_s: float, segment_bytes: int
) -> Iterator[Answer]:
    """Sends a request and yields its answer, with the head read.

    Args:
        place: Where to.
        request: Its bytes.
        chip: The family of the device, as their clients differ.
        timeout_s: How long to wait for the connection and for each next byte of the head.
        segment_bytes: The most bytes that one segment brings.

    Raises:
        HttpError: There is no answer that the C++ code would take.
    """
    try:
        link = socket.create_connection((place.host, place.port), timeout_s)
    except (OSError, UnicodeError):
        # Core 3 and arduino-esp32 name it differently; HTTPC_ERROR_CONNECTION_REFUSED is -1.
        name = "connection failed" if chip == "esp8266" else "connection refused"
        raise HttpError(name) from None
    with link:
        answer = Answer(link, segment_bytes)
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(request)
        except OSError:
            raise HttpError("send header failed") from None
        answer.read_head(chip, timeout_s)
        yield answer


def _leading_number(text: str) -> int:
    """Does what ``String::toInt`` does: the digits at the start, 0 where there are none."""
    digits = ""
    for character in text.lstrip():
        if not ("0" <= character <= "9") or len(digits) > 9:
            break
        digits += character
    return int(digits or "0")
