"""What a route gives for a request, and what a request is to it: no socket, no protocol.

A route is a plain function that takes a :class:`Request` and returns an :class:`Answer`, or, where
something has to be waited for, something to await that returns one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import BinaryIO, Protocol

from acpublish.server.request_head import RequestHead
from acpublish.server.response_head import Headers, response_head
from acpublish.wire import Report

Server = tuple[str, int]


class Connected(Protocol):
    """What a request came on.

    Attributes:
        secure: Whether it has TLS.
    """

    secure: bool

    def server(self) -> Server | None:
        """Returns the address and the port that the client is connected to."""


class Request:
    """What the routes read of a request.

    Attributes:
        head: Its head, which it may share with requests of other devices.
        address: The IP address that the client connects from, None if that is not known.
        report: What the client sent about itself.
    """

    # Each up-to-date check makes one, so it takes as little as possible.
    __slots__ = ("_connection", "address", "head", "report")

    def __init__(
        self,
        head: RequestHead,
        address: str | None = None,
        report: Report | None = None,
        connection: Connected | None = None,
    ) -> None:
        """Describes a request.

        Args:
            head: Its head.
            address: The IP address that the client connects from.
            report: What the client sent about itself, by default what the head says.
            connection: What it came on.
        """
        self.head = head
        self.address = address
        self.report = head.report if report is None else report
        self._connection = connection

    @property
    def method(self) -> str:
        """The method."""
        return self.head.method

    @property
    def target(self) -> bytes:
        """The target in origin form, as the client sent it."""
        return self.head.target

    @property
    def path(self) -> bytes:
        """The part of the target before the first ``?``."""
        return self.head.path

    @property
    def query(self) -> bytes:
        """The part after it."""
        return self.head.query

    @property
    def headers(self) -> Headers:
        """Names in lower case, and values."""
        return self.head.headers

    @property
    def server(self) -> Server | None:
        """The IP address and the port of the server that the client is connected to."""
        return None if self._connection is None else self._connection.server()

    @property
    def secure(self) -> bool:
        """Whether it came over TLS."""
        return self._connection is not None and self._connection.secure

    def with_head(self, head: RequestHead) -> Request:
        """Returns the same device's request for another target."""
        return Request(head, self.address, self.report, self._connection)

    def header(self, name: bytes) -> bytes | None:
        """Returns the first header of a name."""
        for key, value in self.head.headers:
            if key == name:
                return value
        return None


class FileBody:
    """A part of a file that is too large to be kept in memory.

    Attributes:
        file: The file.
        first: The offset of the part's first byte.
        size: The size of the part, in bytes.
        unchanged: Returns whether the file is still in the state in which it was opened.
    """

    __slots__ = ("_closed", "file", "first", "size", "unchanged")

    def __init__(
        self,
        file: BinaryIO,
        first: int,
        size: int,
        unchanged: Callable[[], bool],
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """Describes the part.

        Args:
            file: Whoever sends the body closes it with :meth:`close`.
            first: The offset of the part's first byte.
            size: The size of the part, in bytes.
            unchanged: Returns whether the file is still in the state in which it was opened.
            closed: Called when the file has been closed.
        """
        self.file = file
        self.first = first
        self.size = size
        self.unchanged = unchanged
        self._closed = closed

    def close(self) -> None:
        """Closes the file."""
        if not self.file.closed:
            self.file.close()
            self._closed()

    def __len__(self) -> int:
        """Returns its size in bytes."""
        return self.size


Body = bytes | memoryview | FileBody
#: Called once when an answer has been sent or was broken off: whether everything has left, and how
#: many bytes of the connection the other side acknowledged if it has not; None if nobody knows.
Ended = Callable[[bool, int | None], None]


class Answer:
    """A response.

    Attributes:
        status: The HTTP status.
        head: The status line and the headers, without Date, Connection and the empty line.
        body: The body; it is not sent in response to HEAD.
        note: What the log says about it.
        running: The version of the image that the device runs; empty if no digest shows it.
        ended: Called when it has been sent or was broken off, None if nobody has to know.
        shared: What the body is a part of, which lives on while it is being sent.
        logged: How the log shows it before and after a device's MAC address, if it is remembered
            for many requests; filled in by the log.
        closes: Whether the connection ends after it.
        counted: Whether it is one of what the log tells of once a minute, by its note.
    """

    __slots__ = (
        *("body", "closes", "counted", "ended", "head", "logged", "note", "running", "shared"),
        "status",
    )

    def __init__(
        self,
        status: int,
        head: bytes,
        body: Body = b"",
        *,
        note: str = "",
        running: str = "",
        ended: Ended | None = None,
        shared: object = None,
        closes: bool = False,
        counted: bool = False,
    ) -> None:
        """Describes the response; the head has the length of the body."""
        self.status = status
        self.head = head
        self.body = body
        self.note = note
        self.running = running
        self.ended = ended
        self.shared = shared
        self.closes = closes
        self.counted = counted
        self.logged: tuple[str, str] | None = None

    def of_device(self, running: str) -> Answer:
        """Returns this answer, after noting what the device runs."""
        self.running = running
        return self


Responding = Answer | Awaitable[Answer]
Route = Callable[[Request], Responding]


async def answered(responding: Responding) -> Answer:
    """Returns the answer of a route, after waiting for it if need be."""
    return responding if isinstance(responding, Answer) else await responding


_NOT_MODIFIED = response_head(304, ())


def not_modified(note: str = "", running: str = "") -> Answer:
    """Answers that the device has nothing to do."""
    return Answer(304, _NOT_MODIFIED, note=note, running=running)


def missing(note: str = "") -> Answer:
    """Answers with 404."""
    return text(404, "There is nothing at this address.", note=note)


def text(
    status: int, line: str, more: Iterable[tuple[bytes, bytes]] = (), *, note: str = ""
) -> Answer:
    """Answers with one line of text.

    Args:
        status: The HTTP status.
        line: What is wrong. It must not repeat the request or a path of the server.
        more: Further headers.
        note: What the log says.
    """
    body = line.encode() + b"\n"
    head = response_head(status, [*length_and_type(body, b"text/plain"), *more])
    return Answer(status, head, body, note=note)


def explained(given: Answer, reason: str) -> Answer:
    """Lets the log give the reason of a 404 that has none."""
    if given.status == 404 and not given.note:
        given.note = reason
    return given


def checksum(digest: str, file: str, note: str = "") -> Answer:
    """Answers with a digest and the name of its file."""
    # The format of md5sum and sha256sum, so that their --check can read it.
    name = file.encode("utf-8", "replace").replace(b"\n", b"?")
    body = digest.encode() + b"  " + name + b"\n"
    headers = length_and_type(body, b"text/plain")
    return Answer(200, response_head(200, headers), body, note=note)


def json_body(document: object) -> bytes:
    """Returns a document as compact JSON in UTF-8, because some devices do not decode escapes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def length_and_type(body: bytes, content_type: bytes) -> Headers:
    """Returns the two headers that every body has."""
    if content_type == b"text/plain":
        content_type += b"; charset=utf-8"
    return [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
