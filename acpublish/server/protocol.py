"""Between the socket and uvicorn's parser: requests as devices really send them.

AutoConnect sends targets without a leading slash, with raw spaces and raw UTF-8, which every strict
parser rejects. This protocol fixes the request line of a GET or HEAD before the parser sees it, and
passes on the original bytes of the target in the ASGI scope, as ``acpublish.target``.

A fix must never let two readers disagree about where a request begins (request smuggling):

1. A line is fixed only at the start of a message, that is, where the parser itself has reported
   that the message before it is complete, exactly at the byte that was fed last.
2. A body is counted by its one Content-Length and passed on untouched.
3. After anything else (chunked, an upgrade, a parser that counts differently), the connection
   responds to what it has and closes; whatever else arrived on it is dropped.
4. Nothing with a control character in its first line is fixed.

A head that is too long or too slow is rejected here, because uvicorn limits neither. The scope also
has ``acpublish.connection``, by which a response can find out whether it reached the network.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from acpublish.server.response_head import DeviceCycle
from acpublish.server.sockets import acknowledged_bytes

#: How late a deadline may be noticed.
TICK_S = 0.25

_LOOPS: dict[asyncio.AbstractEventLoop, Deadlines] = {}


class Deadlines:
    """The deadlines of one event loop, which are nearly always met, checked by a single timer.

    A timer for each would cost as much as a fifth of an up-to-date check.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[Callable[[], None], float] = {}
        self._ticks = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Deadlines:
        """Returns the deadlines of a loop."""
        deadlines = _LOOPS.get(loop)
        return deadlines if deadlines is not None else cls(loop)

    def add(self, late: Callable[[], None], wait_s: float) -> None:
        """Sets a deadline, unless there is one for the same callable.

        Args:
            late: Called when the time is over.
            wait_s: How long to wait.
        """
        if late in self._ends:
            return
        self._ends[late] = self._loop.time() + wait_s
        if not self._ticks:
            self._ticks = True
            _LOOPS[self._loop] = self
            self._loop.call_later(TICK_S, self._tick)

    def discard(self, late: Callable[[], None]) -> None:
        """Removes a deadline."""
        self._ends.pop(late, None)

    def _tick(self) -> None:
        now = self._loop.time()
        for late in [late for late, end in self._ends.items() if end <= now]:
            del self._ends[late]
            late()
        self._ticks = bool(self._ends)
        if self._ticks:
            self._loop.call_later(TICK_S, self._tick)
        elif _LOOPS.get(self._loop) is self:
            # No reference stays to a loop that may be gone.
            del _LOOPS[self._loop]


CONNECTION_KEY = "acpublish.connection"


class Connection:
    """What a response can find out about the connection that it goes out on.

    uvicorn's ``send`` returns silently once the client has disconnected, and after a write that
    failed or was dropped because the transport was closing already. So a response asks here:

    1. After each part, whether the transport is :attr:`closing`: then the part was not taken.
    2. :meth:`begin_drain` before the empty last part, so that ``send`` waits until the transport's
       buffer is empty, instead of only low.
    3. After the last part, :meth:`end_drain`.

    Attributes:
        lost: Whether the connection has ended, for whatever reason.
        acknowledged_bytes: How many bytes the other side had acknowledged when the connection
            broke, heads included; None if the system does not count them.
    """

    __slots__ = ("_broken", "_transport", "acknowledged_bytes", "lost")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._broken = False
        self.lost = False
        self.acknowledged_bytes: int | None = None

    @property
    def closing(self) -> bool:
        """Whether the transport takes no more bytes."""
        return self._transport.is_closing()

    def begin_drain(self) -> None:
        """Makes the next ``send`` wait until the operating system has taken everything."""
        if not self.lost:
            self._transport.set_write_buffer_limits(high=0)

    def end_drain(self) -> bool:
        """Returns whether the operating system has taken everything."""
        if not self.closing:
            # The default limits, for the next response on this connection.
            self._transport.set_write_buffer_limits()
        return not self._broken

    def on_lost(self, error: Exception | None) -> None:
        """Notes that the connection has ended.

        Args:
            error: Why it broke; None if it was closed, which sends what is in the buffer first.
        """
        self._broken = self._broken or error is not None
        if self._broken:
            self.acknowledged_bytes = acknowledged_bytes(self._transport.get_extra_info("socket"))
        self.lost = True

    def abort(self) -> None:
        """Breaks the connection off, whatever has not been sent yet."""
        self._broken = True
        self._transport.abort()


TARGET_KEY = "acpublish.target"

MAX_LINE_BYTES = 8 * 1024
MAX_HEAD_BYTES = 16 * 1024
#: A device sends its whole head at once; this is for the slow and the idle.
HEAD_DEADLINE_S = 10.0
#: More than any upload with its chunk heads; limits the trailers of a chunked body.
MAX_CHUNKED_BYTES = 64 * 1024 * 1024

_END = b"\r\n\r\n"
_CLEAN_LINE = re.compile(rb"(?:GET|HEAD) (/[!-~]*) HTTP/1\.[01]\r\n")
_DEVICE_LINE = re.compile(rb"(GET|HEAD) ([^\x00-\x1f\x7f]*) (HTTP/1\.[01])\r\n")
_ABSOLUTE_FORM = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_NOT_VISIBLE = re.compile(rb"[^!-~]")


def _plain(status: bytes, text: bytes) -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, len(text), text)
    )


_BAD_REQUEST = _plain(b"400 Bad Request", b"The request is not HTTP.\n")
_TIMEOUT = _plain(b"408 Request Timeout", b"The request took too long.\n")
_LINE_TOO_LONG = _plain(b"414 URI Too Long", b"The request line is too long.\n")
_HEAD_TOO_LONG = _plain(b"431 Request Header Fields Too Large", b"The headers are too long.\n")


class _Stage(Enum):
    HEAD = 1  # at the start of a message, or within its head
    BODY = 2  # within a body of known length
    CHUNKED = 3  # within a body whose end only the parser knows; the last message
    DONE = 4  # nothing more is read from this connection


def fix_request_line(head: bytes) -> tuple[bytes, bytes | None]:
    """Fixes the request line of a head.

    Args:
        head: All bytes up to and including the empty line.

    Returns:
        The head for the parser, and the original target in origin form; None if the line is left
        to the parser as it is.
    """
    clean = _CLEAN_LINE.match(head)
    if clean:
        return head, clean[1]
    line = _DEVICE_LINE.match(head)
    if not line:
        return head, None
    method, target, version = line.groups()
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute:
        target = target[absolute.end() :]
    if not target.startswith(b"/"):
        target = b"/" + target
    safe = _NOT_VISIBLE.sub(lambda bad: b"%%%02X" % bad[0][0], target)
    return b"%s %s %s\r\n%s" % (method, safe, version, head[line.end() :]), target


class DeviceProtocol(HttpToolsProtocol):
    """uvicorn's protocol for HTTP/1, with request lines fixed, and with limits for heads."""

    _stage = _Stage.HEAD
    _pending = b""
    _target: bytes | None = None
    _left = 0
    _begun = 0
    _completed = 0
    _deadlines: Deadlines
    _connection: Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to wait for a head."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._connection = Connection(self.transport)
        self._deadlines = Deadlines.of(self.loop)
        self._deadlines.add(self.too_slow, HEAD_DEADLINE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, and lets a response that is going out know."""
        self._deadlines.discard(self.too_slow)
        self._connection.on_lost(exc)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads what arrived; nearly always that is a whole clean head, which goes straight on.

        Args:
            data: Any number of bytes, cut anywhere.
        """
        if self._stage is _Stage.HEAD and not self._pending:
            clean = _CLEAN_LINE.match(data)
            if clean and data.find(_END) == len(data) - 4 and len(data) <= MAX_LINE_BYTES:
                self._head(data, clean[1])
                return
        self._unset_keepalive_if_required()
        while data and self._stage is not _Stage.DONE:
            if self._stage is _Stage.HEAD:
                data = self._take_head(data)
            elif self._stage is _Stage.BODY:
                data = self._take_body(data)
            else:
                data = self._take_chunked(data)

    def _take_head(self, data: bytes) -> bytes:
        """Collects a head, and returns what follows it."""
        self._deadlines.add(self.too_slow, HEAD_DEADLINE_S)
        # Empty lines before a request line are skipped (RFC 9112, section 2.2).
        pending = self._pending + data if self._pending else data.lstrip(b"\r\n")
        line_end = pending.find(b"\n", 0, MAX_LINE_BYTES)
        if line_end < 0 and len(pending) >= MAX_LINE_BYTES:
            self._give_up(_LINE_TOO_LONG)
            return b""
        if line_end >= 0 and pending[line_end - 1 : line_end] != b"\r":
            self._give_up(_BAD_REQUEST)
            return b""
        end = pending.find(_END, max(line_end - 1, 0), MAX_HEAD_BYTES) if line_end >= 0 else -1
        if end < 0:
            if len(pending) >= MAX_HEAD_BYTES:
                self._give_up(_HEAD_TOO_LONG)
            else:
                self._pending = pending
            return b""
        self._pending = b""
        self._head(*fix_request_line(pending[: end + 4]))
        return pending[end + 4 :]

    def _head(self, head: bytes, target: bytes | None) -> None:
        """Feeds one whole head, and determines what must follow it."""
        self._deadlines.discard(self.too_slow)
        self._target = target
        self._begun = self._completed = 0
        super().data_received(head)
        if self._stage is _Stage.DONE:
            return
        if self._completed == 1 and self._begun == 1 and not self.parser.should_upgrade():
            if not self.cycle.keep_alive:
                self._stage = _Stage.DONE
        elif self._completed or self._begun != 1:
            self._last_message()
        else:
            self._expect_body()

    def _expect_body(self) -> None:
        lengths = [value for name, value in self.headers if name == b"content-length"]
        coded = any(name == b"transfer-encoding" for name, _ in self.headers)
        if len(lengths) == 1 and lengths[0].isdigit() and not coded:
            self._stage, self._left = _Stage.BODY, int(lengths[0])
        else:
            self._stage, self._left = _Stage.CHUNKED, MAX_CHUNKED_BYTES
            self.cycle.keep_alive = False

    def _take_body(self, data: bytes) -> bytes:
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        super().data_received(part)
        if not self._left and self._stage is _Stage.BODY:
            if self._completed == 1 and self._begun == 1:
                self._deadlines.discard(self.too_slow)
                self._stage = _Stage.HEAD if self.cycle.keep_alive else _Stage.DONE
            else:
                self._last_message()
        return rest

    def _take_chunked(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            self._give_up(_BAD_REQUEST)
            return b""
        super().data_received(data)
        if self._completed and self._stage is _Stage.CHUNKED:
            self._last_message()
        return b""

    def _last_message(self) -> None:
        self._stage = _Stage.DONE
        self.cycle.keep_alive = False

    def on_message_begin(self) -> None:
        """Adds the original target and the connection to the scope."""
        self._begun += 1
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope[TARGET_KEY] = self._target
        scope[CONNECTION_KEY] = self._connection

    def on_headers_complete(self) -> None:
        """Makes the response to come write its own head."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            # The response has not begun, because its task runs only after this returns.
            self.cycle.__class__ = DeviceCycle

    def on_message_complete(self) -> None:
        """Counts the messages that the parser has completed."""
        self._completed += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Sets a deadline for the rest of a body, because its response is out already."""
        super().on_response_complete()
        if self._stage in (_Stage.BODY, _Stage.CHUNKED):
            self._deadlines.add(self.too_slow, HEAD_DEADLINE_S)

    def send_400_response(self, msg: str) -> None:
        """Responds to what is not HTTP, unless a response is going out."""
        self._give_up(_BAD_REQUEST)

    def too_slow(self) -> None:
        """Gives up a connection whose head has not arrived in time."""
        self._give_up(_TIMEOUT if self._pending else b"")

    def abort(self) -> None:
        """Breaks the connection off, and the response that is going out."""
        self._connection.abort()

    def _give_up(self, response: bytes) -> None:
        """Stops reading, and responds; a response that is going out goes first, and is the last."""
        between_messages = self._stage is _Stage.HEAD
        self._stage, self._pending = _Stage.DONE, b""
        self._deadlines.discard(self.too_slow)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
            if between_messages:
                return
            if cycle.response_started:
                response = b""
        if not self.transport.is_closing():
            if response:
                self.transport.write(response)
            self.transport.close()
