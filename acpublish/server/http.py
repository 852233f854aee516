"""What the device routes read of a request, and how they respond: plain ASGI, no framework.

Functions that send a complete response return its status, for the log. A long body goes out as
follows:

1. As one bytes object, which uvloop and asyncio from Python 3.12 on do not copy. The asyncio of
   older Pythons copies what the socket does not take, so there it goes out in pieces.
2. Then an empty last part, for which uvicorn waits until the part before it has drained.
3. uvicorn's ``send`` returns silently once a client has disconnected, so the connection itself is
   asked whether the body has left (:class:`acpublish.server.protocol.Connection`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, BinaryIO

from acpublish.errors import reason_of
from acpublish.release.version import Version
from acpublish.server.protocol import CONNECTION_KEY, TARGET_KEY, Connection
from acpublish.wire import Report, read_report

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: How much asyncio before Python 3.12 may copy for a slow client.
PIECE_BYTES = 32 * 1024
#: How much of a large file is read at once.
CHUNK_BYTES = 256 * 1024

#: Sent to every device that is up to date, so they are built once.
_NOT_MODIFIED: Message = {"type": "http.response.start", "status": 304, "headers": []}
_LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Request:
    """What the routes read of an ASGI scope.

    Attributes:
        method: The method.
        target: The target in origin form, as the client sent it.
        path: The part of the target before the first ``?``.
        query: The part after it.
        headers: Names in lower case, and values.
        connection: The connection it came on, None with a protocol that is not ours.
        note: What the log should say about the response.
        running: The version of the image that the device runs, if its digest shows that.
    """

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        target = scope.get(TARGET_KEY)
        if target is None:
            query = scope.get("query_string", b"")
            raw = scope.get("raw_path") or scope["path"].encode()
            target = raw + b"?" + query if query else raw
        self.target: bytes = target
        self.path, _, self.query = target.partition(b"?")
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.connection: Connection | None = scope.get(CONNECTION_KEY)
        self._client = scope.get("client")
        self._server = scope.get("server")
        self._report: Report | None = None
        self.note = ""
        self.running: Version | None = None

    @property
    def address(self) -> str | None:
        """The IP address that the client connects from."""
        return self._client[0] if self._client else None

    @property
    def server(self) -> tuple[str, int] | None:
        """The IP address and the port of the server that the client is connected to."""
        return self._server if self._server and self._server[1] else None

    @property
    def report(self) -> Report:
        """What the client sends about itself."""
        # Before Python 3.12, cached_property takes a lock, which costs more than this.
        if self._report is None:
            self._report = read_report(self.headers)
        return self._report

    def header(self, name: bytes) -> bytes | None:
        """Returns the first header of a name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


async def not_modified(send: Send) -> int:
    """Responds that the device has nothing to do."""
    await send(_NOT_MODIFIED)
    await send(_LAST)
    return 304


async def missing(send: Send) -> int:
    """Responds with 404."""
    return await text(send, 404, "There is nothing at this address.")


async def text(send: Send, status: int, line: str, more: Iterable[tuple[bytes, bytes]] = ()) -> int:
    """Responds with one line of text.

    Args:
        send: The ASGI callable.
        status: The HTTP status.
        line: What is wrong. It must not repeat the request or a path of the server.
        more: Further headers.
    """
    body = line.encode() + b"\n"
    return await whole(send, status, [*length_and_type(body, b"text/plain"), *more], body)


async def whole(send: Send, status: int, headers: Headers, body: bytes = b"") -> int:
    """Sends a response in one message; the headers include its Content-Length."""
    await start_response(send, status, headers)
    await _part(send, body, last=True)
    return status


def json_body(document: object) -> bytes:
    """Returns a document as compact JSON in UTF-8, because some devices do not decode escapes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def length_and_type(body: bytes, content_type: bytes) -> Headers:
    """Returns the two headers that every body has."""
    if content_type == b"text/plain":
        content_type += b"; charset=utf-8"
    return [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]


async def start_response(send: Send, status: int, headers: Headers) -> None:
    """Sends the head of a response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_bytes(connection: Connection | None, send: Send, body: bytes) -> bool:
    """Sends a whole body, and waits until it has drained.

    Returns:
        Whether it has; False also if that cannot be known.
    """
    if not copies_writes():
        await _part(send, body)
        return await _end(connection, send)
    taken = True
    for offset in range(0, len(body), PIECE_BYTES):
        await _part(send, body[offset : offset + PIECE_BYTES])
        taken = taken and connection is not None and not connection.closing
    return await _end(connection, send) and taken


async def send_file(
    connection: Connection | None,
    send: Send,
    file: BinaryIO,
    first: int,
    size: int,
    unchanged: Callable[[], bool],
) -> bool:
    """Sends a part of a file that is too large for the cache.

    If the rest cannot be read, or the file was written to meanwhile, the response is left
    incomplete, so uvicorn closes the connection: the client must not take it for the whole.

    Args:
        connection: The connection.
        send: The ASGI callable.
        file: The file.
        first: The offset of the part's first byte.
        size: The size of the part, in bytes.
        unchanged: Returns whether the file is still in the state in which it was opened.

    Returns:
        Whether all of it has drained; False also if that cannot be known.
    """
    await asyncio.to_thread(file.seek, first)
    taken = True
    while size:
        if connection is not None and connection.lost:
            return False
        try:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, size))
        except OSError as error:
            _log.error("cannot read the rest of a file: %s", reason_of(error))
            return False
        if not chunk:
            _log.error("a file got shorter while it was being sent")
            return False
        size -= len(chunk)
        # All that was read before the last piece was read in the state that is compared now.
        if not size and not await asyncio.to_thread(unchanged):
            _log.error("a file was written to while it was being sent; the download is broken off")
            return False
        for offset in range(0, len(chunk), PIECE_BYTES):
            await _part(send, chunk[offset : offset + PIECE_BYTES])
            taken = taken and connection is not None and not connection.closing
    return await _end(connection, send) and taken


def copies_writes() -> bool:
    """Returns whether the running loop copies what a socket does not take immediately."""
    loop = asyncio.get_running_loop()
    return sys.version_info < (3, 12) and not type(loop).__module__.startswith("uvloop")


async def _end(connection: Connection | None, send: Send) -> bool:
    if connection is None:
        await _part(send, b"", last=True)
        return False
    # Nothing ran since the last part was written, so this is the transport that took it or did not.
    taken = not connection.closing
    connection.begin_drain()
    await _part(send, b"", last=True)
    if not taken and not connection.lost:
        # The end of the connection is scheduled already; it brings the count of what arrived.
        await asyncio.sleep(0)
    return connection.end_drain() and taken


async def _part(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})
