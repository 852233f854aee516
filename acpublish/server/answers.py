"""Small answers of the lean device routes: prebuilt where every request gets the same.

Every function returns the status that it sent, for the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}
_NOT_MODIFIED: Message = {"type": "http.response.start", "status": 304, "headers": []}

NO_SUCH_THING = "There is nothing at this address."


async def not_modified(send: Send) -> int:
    """Answers that the device has nothing to do."""
    await send(_NOT_MODIFIED)
    await send(_LAST)
    return 304


async def whole(send: Send, status: int, headers: Headers, body: bytes = b"") -> int:
    """Sends an answer that fits one message; the headers hold its Content-Length."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    return status


async def text(send: Send, status: int, line: str, more: Iterable[tuple[bytes, bytes]] = ()) -> int:
    """Sends one line of text.

    Args:
        send: Where to.
        status: The HTTP status.
        line: What is wrong. It must repeat nothing of the request and no path of the server.
        more: Further headers.
    """
    body = line.encode() + b"\n"
    return await whole(send, status, [*length_and_type(body, b"text/plain"), *more], body)


async def missing(send: Send) -> int:
    """Answers 404."""
    return await text(send, 404, NO_SUCH_THING)


def length_and_type(body: bytes, content_type: bytes) -> Headers:
    """Returns the two headers that every body has."""
    if content_type == b"text/plain":
        content_type += b"; charset=utf-8"
    return [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
