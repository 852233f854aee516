"""The heads of responses, with the names of headers as nginx writes them.

uvicorn writes every name in lower case. HTTP allows that, but ArduinoHttpClient (its issue #184)
and the firmwares that contain arduino-esp32's example AWS_S3_OTA_Update compare ``Content-Length``
byte by byte, so they find no length and install nothing. Every name that a device may read is in a
table, so writing a head costs no more than uvicorn's way, which searches each name and value for
what is not allowed.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent

_NAMES = (
    *(b"Content-Type", b"Content-Length", b"Content-Disposition", b"Content-Range"),
    *(b"Date", b"Connection", b"Accept-Ranges", b"ETag", b"Allow"),
    # As the updaters spell them (ESP8266httpUpdate.cpp, HTTPUpdate.cpp).
    *(b"x-MD5", b"x-SHA256", b"x-version"),
    *(b"Cache-Control", b"Retry-After", b"WWW-Authenticate"),
)
#: How a line begins, by the name in lower case.
_BEGINNINGS = {name.lower(): name + b": " for name in _NAMES}
_LENGTH = _BEGINNINGS[b"content-length"]
_CONNECTION = _BEGINNINGS[b"connection"]
_STATUS = {status: line.rstrip() for status, line in STATUS_LINE.items()}
#: Responses that have no body, and therefore no length (RFC 9112, section 6.3).
_WITHOUT_BODY = (204, 304)


def beginning(name: bytes) -> bytes:
    """Returns how a header's line begins: its name as nginx writes it, and a colon."""
    lower = name.lower()
    known = _BEGINNINGS.get(lower)
    return known or b"-".join(word.capitalize() for word in lower.split(b"-")) + b": "


class DeviceCycle(RequestResponseCycle):
    """uvicorn's cycle of a request and its response, which writes the head itself."""

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        """Sends a part of the response."""
        if self.response_started or message["type"] != "http.response.start":
            return super().send(message)
        return self._start(message)

    async def _start(self, message: HTTPResponseStartEvent) -> None:
        """Writes the head, and notes what it says about the body and the connection."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        status = message["status"]
        lines = [_STATUS[status]]
        closes = False
        for name, value in (*self.default_headers, *message["headers"]):
            begin = _BEGINNINGS.get(name) or beginning(name)
            if begin is _LENGTH:
                self.expected_content_length, self.chunked_encoding = int(value), False
            elif begin is _CONNECTION and value.lower() == b"close":
                closes, self.keep_alive = True, False
            lines.append(begin + value)
        if not self.keep_alive and not closes:
            lines.append(b"Connection: close")
        if (
            self.chunked_encoding is None
            and status not in _WITHOUT_BODY
            and self.scope["method"] != "HEAD"
        ):
            self.chunked_encoding = True
            lines.append(b"Transfer-Encoding: chunked")
        head = b"\r\n".join(lines)
        # Whatever a value is made from, it never ends its line.
        if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
            raise ValueError("the value of a header contains a line break")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(head + b"\r\n\r\n")
