"""Small answers of the lean device routes: prebuilt where every request gets the same.

Every function returns the status that it sent, for the log.

One request, as the lean routes see it: the target's own bytes, cut at the first ``?``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from acpublish.server.protocol import TARGET_KEY
from acpublish.wire import Report, read_report

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


class Request:
    """What the routes need of an ASGI scope.

    Attributes:
        method: The method.
        target: The target in origin form, as the client sent it.
        path: What stands before the first ``?``.
        query: What stands after it.
        headers: Names in lower case, and values.
        note: What a route wants the log to say of its answer.
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
        self._client = scope.get("client")
        self._report: Report | None = None
        self.note = ""

    @property
    def address(self) -> str | None:
        """The address that the client connects from."""
        return self._client[0] if self._client else None

    @property
    def report(self) -> Report:
        """What the client says of itself."""
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
