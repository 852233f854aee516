"""The heads of responses, with the names of headers as nginx writes them.

uvicorn writes every name in lower case. HTTP allows that, but ArduinoHttpClient (its issue #184)
and the firmwares that contain arduino-esp32's example AWS_S3_OTA_Update compare ``Content-Length``
byte by byte, so they find no length and install nothing. Every name that a device may read is in a
table.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

from acpublish.server.bounds import RETRY_AFTER_S

Headers = list[tuple[bytes, bytes]]

_NAMES = (
    *(b"Content-Type", b"Content-Length", b"Content-Disposition", b"Content-Range"),
    *(b"Date", b"Connection", b"Accept-Ranges", b"ETag", b"Allow"),
    # As the updaters spell them (ESP8266httpUpdate.cpp, HTTPUpdate.cpp).
    *(b"x-MD5", b"x-SHA256", b"x-version"),
    *(b"Cache-Control", b"Retry-After", b"WWW-Authenticate"),
)
#: How a line begins, by the name in lower case.
_BEGINNINGS = {name.lower(): name + b": " for name in _NAMES}
_STATUS = {
    int(status): b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}


def beginning(name: bytes) -> bytes:
    """Returns how a header's line begins: its name as nginx writes it, and a colon."""
    lower = name.lower()
    known = _BEGINNINGS.get(lower)
    return known or b"-".join(word.capitalize() for word in lower.split(b"-")) + b": "


def response_head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns the status line and the lines of headers, without the empty line that ends a head.

    Raises:
        ValueError: A value contains a line break: whatever it is made from, it must end no line.
    """
    lines = [beginning(name) + value for name, value in headers]
    head = b"".join(line + b"\r\n" for line in lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("the value of a header contains a line break")
    status_line = _STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status
    return status_line + head


class ResponseDate:
    """The header Date, made once a second, and the end of a head with it."""

    def __init__(self) -> None:
        self._second = 0
        self._kept = self._closed = b""

    def end_of_head(self, *, closes: bool) -> bytes:
        """Returns the lines that end a head.

        Args:
            closes: Whether the connection ends after the response.
        """
        now = int(time.time())
        if now != self._second:
            self._second = now
            date = b"Date: %s\r\n" % formatdate(now, usegmt=True).encode()
            self._kept, self._closed = date + b"\r\n", date + b"Connection: close\r\n\r\n"
        return self._closed if closes else self._kept


def _plain(status: bytes, text: bytes) -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, len(text), text)
    )


BAD_REQUEST = _plain(b"400 Bad Request", b"The request is not HTTP.\n")
BUSY = _plain(
    b"503 Service Unavailable\r\nRetry-After: %d" % RETRY_AFTER_S, b"The server is busy.\n"
)
TIMEOUT = _plain(b"408 Request Timeout", b"The request took too long.\n")
LINE_TOO_LONG = _plain(b"414 URI Too Long", b"The request line is too long.\n")
HEAD_TOO_LONG = _plain(b"431 Request Header Fields Too Large", b"The headers are too long.\n")
