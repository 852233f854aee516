"""Sending one answer: the bytes that all share, and whether the last of them has left.

1. While an answer is sent, the transport calls back when its buffer is empty, not only low: a
   buffer that is low holds up to 16 KiB that may never leave.
2. A body in memory goes out as one view, which is not copied. TLS encrypts it, which is a copy, so
   there it goes out in pieces.
3. A large file is read in a few threads, a piece at a time. If the rest cannot be read, or the file
   was written to meanwhile, the connection is broken off: the client must not take it for whole.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from acpublish.errors import reason_of
from acpublish.server.answer import Answer, FileBody
from acpublish.server.sockets import acknowledged_bytes

_log = logging.getLogger(__name__)

#: How much may be encrypted in advance for a slow client.
PIECE_BYTES = 32 * 1024
#: How much of a large file is read at once.
CHUNK_BYTES = 256 * 1024
_COPY = "copy files under another name, and rename them"


def _has_tls(transport: asyncio.Transport) -> bool:
    return transport.get_extra_info("sslcontext") is not None


def _high_water(transport: asyncio.Transport) -> int:
    """Returns the limit with which a transport calls back if anything is left in its buffer.

    A transport calls ``pause_writing`` when there is more than that. With TLS it does so already
    when there is as much, so with 0 it would pause, and resume within a write, for nothing.
    """
    # The TLS of asyncio before Python 3.11 passes the limit on to the transport of the socket.
    passed_on = sys.version_info < (3, 11) and type(transport).__module__.startswith("asyncio")
    return 1 if _has_tls(transport) and not passed_on else 0


def _name(body: FileBody) -> str:
    return ascii(getattr(body.file, "name", "a file"))


class Sending:
    """An answer on its way out."""

    __slots__ = (
        *("_before", "_broken", "_done", "_rest", "_task", "_transport", "_waiter"),
        *("answer", "ended"),
    )

    def __init__(
        self, transport: asyncio.Transport, answer: Answer, done: Callable[[], None]
    ) -> None:
        """Prepares to send.

        Args:
            transport: Where to.
            answer: What.
            done: Called once when everything has left, but not if the connection was lost.
        """
        self._transport = transport
        self.answer = answer
        self._done = done
        self._before = 0
        self._broken = False
        self._rest: memoryview | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False

    def start(self, head: bytes, body: bytes | memoryview | FileBody) -> None:
        """Writes the head, and as much of the body as may be written at once.

        Args:
            head: The whole head.
            body: The body.
        """
        self._before = self._transport.get_extra_info("written_bytes", 0) + len(head)
        transport = self._transport
        transport.set_write_buffer_limits(high=_high_water(transport))
        # With TLS, what was left of the handshake may leave together with the head, and then the
        # transport calls back within this call: there has to be something left to send.
        if isinstance(body, FileBody):
            self._task = asyncio.ensure_future(self._send_file(body))
            # Also if the connection ends before the task begins.
            self._task.add_done_callback(lambda _: body.close())
            transport.write(head)
            return
        if _has_tls(transport):
            self._rest = memoryview(body)
            transport.write(head)
        else:
            transport.writelines([head, body])
        self.on_writable()

    def on_writable(self) -> None:
        """Goes on after everything that was written has left, or has been dropped."""
        transport = self._transport
        while not transport.get_write_buffer_size():
            if transport.is_closing():
                # The end of the connection is scheduled; it brings the count of what arrived.
                return
            if self._waiter is not None:
                if not self._waiter.done():
                    self._waiter.set_result(None)
                return
            if self._task is not None:
                return
            if not self._rest:
                self._end()
                return
            piece, self._rest = self._rest[:PIECE_BYTES], self._rest[PIECE_BYTES:]
            transport.write(piece)

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        # The usual limits, for the next response on this connection.
        self._transport.set_write_buffer_limits()
        if self.answer.ended is not None:
            self.answer.ended(True, None)
        self._done()

    def break_off(self) -> None:
        """Breaks the connection off, whatever has not been sent yet."""
        self._broken = True
        self._transport.abort()

    def on_lost(self, error: Exception | None) -> str:
        """Tells what became of the answer when its connection ended.

        Args:
            error: Why it broke; None if it was closed, which sends what is in the buffer first.

        Returns:
            Where it was cut, for the log; empty if it has left whole.
        """
        if self.ended:
            return ""
        self.ended = True
        if self._task is not None:
            self._task.cancel()
        drained = error is None and not self._broken and not self._rest and self._task is None
        arrived = None
        if not drained and not _has_tls(self._transport):
            count = acknowledged_bytes(self._transport.get_extra_info("socket"))
            arrived = None if count is None else max(count - self._before, 0)
        if self.answer.ended is not None:
            self.answer.ended(drained, arrived)
        if drained:
            return ""
        size = len(self.answer.body)
        return "cut" if arrived is None else f"cut after {min(arrived, size)} of {size} bytes"

    async def _send_file(self, body: FileBody) -> None:
        try:
            complete = await self._send_pieces(body)
        except OSError as error:
            _log.error("cannot read the rest of %s: %s", _name(body), reason_of(error))
            complete = False
        self._task = None
        if complete:
            self.on_writable()
        else:
            self.break_off()

    async def _send_pieces(self, body: FileBody) -> bool:
        """Sends a file; returns whether all of it was what the client was promised."""
        left = body.size
        await asyncio.to_thread(body.file.seek, body.first)
        piece_bytes = PIECE_BYTES if _has_tls(self._transport) else CHUNK_BYTES
        while left:
            chunk = await asyncio.to_thread(body.file.read, min(piece_bytes, left))
            if not chunk:
                _log.error("%s got shorter while it was being sent; %s", _name(body), _COPY)
                return False
            left -= len(chunk)
            # All that was read before the last piece was read in the state that is compared now.
            if not left and not await asyncio.to_thread(body.unchanged):
                _log.error(
                    "%s was written to while it was being sent, so the download is broken off; %s",
                    _name(body),
                    _COPY,
                )
                return False
            self._transport.write(chunk)
            await self._drained()
        return True

    async def _drained(self) -> None:
        """Waits until the transport's buffer is empty; the end of the connection cancels it."""
        if self._transport.get_write_buffer_size():
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
