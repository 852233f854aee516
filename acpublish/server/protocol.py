"""The protocol of a connection: it owns the socket, and reads one request after the other.

1. A head is read whole before anything is done with it, within bounds of bytes and time, also on a
   connection that is reused (:mod:`acpublish.server.request_head`).
2. GET and HEAD without a body are answered here (:mod:`acpublish.server.device_routes`): at once,
   or when something that had to be waited for is there. One request is answered at a time, and
   nothing is read meanwhile.
3. Everything else is handed over to uvicorn's protocol, with the very bytes of its head, for one
   request (:mod:`acpublish.server.handover`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import cast

from acpublish.server.answer import Answer, FileBody, Request, Responding
from acpublish.server.bounds import (
    ANSWERED_IN_TURN,
    HEAD_DEADLINE_S,
    KEEP_ALIVE_S,
    MAX_PENDING_BYTES,
    RESERVED_HEAD_S,
    TLS_CLOSE_S,
    TLS_LINGER_S,
)
from acpublish.server.connections import Connections, address_of
from acpublish.server.device_routes import API, busy
from acpublish.server.handover import OneRequest
from acpublish.server.proxy_header import ProxyHeader
from acpublish.server.request_head import (
    BadRequestError,
    RequestHead,
    TooLongError,
    head_end,
    read_head,
)
from acpublish.server.response_head import BAD_REQUEST, BUSY, TIMEOUT
from acpublish.server.sending import Sending

#: A body up to this size goes out together with its head.
_SMALL_BYTES = 16 * 1024
_BUSY_STATUS = 503


class DeviceProtocol(asyncio.Protocol):
    """One connection.

    Attributes:
        ended: Whether the other side sends nothing more, but may still read.
        secure: Whether it has TLS.
        transport: What carries it.
    """

    __slots__ = (
        *("_address", "_at", "_closing", "_connections", "_idle", "_over", "_paused"),
        *("_pending", "_proxied", "_reading", "_request", "_sending"),
        *("ended", "secure", "transport"),
    )

    def __init__(
        self,
        connections: Connections,
        proxied: ProxyHeader | None = None,
        *,
        secure: bool = False,
    ) -> None:
        """Prepares for a connection.

        Args:
            connections: What all connections share.
            proxied: Whose connection it is, if a proxy says so.
            secure: Whether it has TLS.
        """
        self._connections = connections
        self._proxied = proxied
        self.secure = secure
        self.transport: asyncio.Transport
        self._address: str | None = None
        #: What arrived, and where what has not been read begins.
        self._pending, self._at = b"", 0
        #: Why there are too many connections for this one.
        self._over = ""
        #: The request that is being answered.
        self._request: Request | None = None
        self._sending: Sending | None = None
        #: Whether nothing of the next head has arrived.
        self._idle = False
        #: Whether the connection ends after the response that is going out.
        self._closing = False
        self.ended = False
        #: Whether the other side is slower than we write.
        self._paused = False
        #: Whether a loop over what is pending is running.
        self._reading = False

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to wait for a head."""
        self.transport = cast(asyncio.Transport, transport)
        self._address = address_of(transport, self._proxied)
        connections = self._connections
        self._over = connections.add(self, self._address)
        if self._over and not connections.may_use_api(self._address):
            connections.excess.note(self._over)
            self._give_up(BUSY)
            return
        connections.deadlines.add(self, RESERVED_HEAD_S if self._over else HEAD_DEADLINE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, and lets a response that is going out know."""
        self._connections.remove(self, self._address)
        self._connections.deadlines.discard(self)
        self._closing, self._pending = True, b""
        if self._sending is not None:
            sending, request = self._sending, self._request
            sending.on_lost(exc)
            self._sending = self._request = None
            if request is not None:
                self._connections.log.note(request, sending.answer)

    def data_received(self, data: bytes) -> None:
        """Reads what arrived; nearly always that is a whole head that was read before.

        Args:
            data: Any number of bytes, cut anywhere.
        """
        if self._closing:
            return
        if self._request is None and not self._pending and not self._paused:
            known = self._connections.heads.known(data)
            if known is not None:
                self._answer(*known)
                return
        self._pending = self._pending[self._at :] + data if self._pending else data
        self._at = 0
        if self._request is None and not self._paused:
            self._read_on()
        elif len(self._pending) > MAX_PENDING_BYTES:
            # Nobody sends that much before having a response.
            self._closing, self._pending = True, b""

    def eof_received(self) -> bool:
        """Lets what was requested be answered before the connection ends.

        Returns:
            Whether the connection stays open.
        """
        self.ended = True
        busy = self._request is not None or self._reading or self._at < len(self._pending)
        if not busy or self.secure:
            # With TLS, asyncio closes the connection in any case.
            self._closing, self._pending = True, b""
            return False
        if self._request is None and not self._reading and not self._paused:
            self._read_on()
        return not self.transport.is_closing()

    def pause_writing(self) -> None:
        """Stops answering while the other side does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Goes on."""
        self._paused = False
        if self._sending is not None:
            self._sending.on_writable()
        elif self._request is None:
            self._read_on()

    # Reading.

    def _read_on(self) -> None:
        """Answers what is pending, request by request; others get their turn in between."""
        if self._reading:
            return
        self._reading = True
        try:
            more = True
            for _ in range(ANSWERED_IN_TURN):
                more = self._may_read() and self._read_head()
                if not more:
                    break
            more = more and self._may_read()
        finally:
            self._reading = False
        if self._at >= len(self._pending):
            self._pending, self._at = b"", 0
        if more:
            self.transport.pause_reading()
            self._connections.loop.call_soon(self._read_further)
        elif self.ended and self._request is None and not self._paused:
            # What is pending, if anything, is part of a request that will never be whole.
            self._give_up(b"")

    def _read_further(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._read_on()

    def _may_read(self) -> bool:
        ready = self._request is None and not self._paused and not self._closing
        return ready and self._at < len(self._pending) and not self.transport.is_closing()

    def _read_head(self) -> bool:
        """Reads one head; returns whether there may be more to read."""
        data, begin = self._pending, self._at
        # Empty lines before a request line are skipped (RFC 9112, section 2.2).
        while data.startswith(b"\r\n", begin):
            begin += 2
        self._at = begin
        try:
            end = head_end(data, begin)
            if end is None:
                if begin < len(data):
                    if self._idle:
                        self._connections.deadlines.discard(self)
                    self._idle = False
                    self._connections.deadlines.add(self, HEAD_DEADLINE_S)
                return False
            raw = data[begin:end]
            head = read_head(raw)
        except TooLongError as error:
            return self._give_up(error.response)
        except BadRequestError:
            return self._give_up(BAD_REQUEST)
        self._at = end
        plain = head.method in ("GET", "HEAD") and head.body_bytes == 0
        if plain and not head.path.startswith(API):
            self._answer(*self._connections.heads.remember(raw, head))
            return True
        if not head.clean:
            return self._give_up(BAD_REQUEST)
        if not self._connections.may_hand_over():
            self._connections.excess.note("too many requests for the API, or with a body, at once")
            return self._give_up(BUSY)
        self._hand_over(raw, head)
        return False

    # Answering.

    def _answer(self, head: RequestHead, own: Sequence[bytes]) -> None:
        connections = self._connections
        connections.deadlines.discard(self)
        request = Request(head, self._address, head.report_of(own), self)
        if self._over:
            responding: Responding = busy(self._over, closes=True)
        else:
            responding = connections.routes.answer(request)
        if isinstance(responding, Answer):
            self._send(request, responding)
            return
        self._request = request
        self.transport.pause_reading()
        task = connections.loop.create_task(self._answer_later(request, responding))
        connections.tasks.add(task)
        task.add_done_callback(connections.tasks.discard)

    async def _answer_later(self, request: Request, responding: Awaitable[Answer]) -> None:
        answer = await responding
        if self.transport.is_closing():
            if isinstance(answer.body, FileBody):
                answer.body.close()
            if answer.ended is not None:
                answer.ended(False, None)
            self._connections.log.note(request, answer)
            self._request = None
            return
        self._send(request, answer)

    def _send(self, request: Request, answer: Answer) -> None:
        connections, head, body = self._connections, request.head, answer.body
        if head.closes or answer.closes or (self.ended and self._at >= len(self._pending)):
            self._closing = True
        if answer.status == _BUSY_STATUS:
            connections.excess.note(answer.note)
        date = connections.date.end_of_head(closes=self._closing)
        if head.method == "HEAD" and not isinstance(body, FileBody):
            body = b""
        if answer.ended is None and isinstance(body, bytes) and len(body) <= _SMALL_BYTES:
            data = answer.head + date + body
            self.transport.write(data)
            self._sent(request, answer)
            return
        if self._request is None:
            self.transport.pause_reading()
        self._request = request
        self._sending = Sending(self.transport, answer, self._on_sent)
        self._sending.start(answer.head + date, body)

    def _on_sent(self) -> None:
        request, sending = self._request, self._sending
        self._sending = None
        if request is not None and sending is not None:
            self._sent(request, sending.answer)

    def _sent(self, request: Request, answer: Answer) -> None:
        """Logs a response that has been sent, and ends the connection or reads on."""
        self._connections.log.note(request, answer)
        if self._closing:
            self._request, self._pending = None, b""
            self._close(TLS_LINGER_S)
            return
        if self._request is not None:
            self._request = None
            self.transport.resume_reading()
            self._connections.loop.call_soon(self._read_on)
        self._idle = True
        self._connections.deadlines.add(self, KEEP_ALIVE_S)

    def server(self) -> tuple[str, int] | None:
        """Returns the address and the port that the client is connected to."""
        if self._proxied is not None and self._proxied.server is not None:
            return self._proxied.server
        own = self.transport.get_extra_info("sockname")
        return (own[0], own[1]) if isinstance(own, tuple) and own[1] else None

    # Handing over.

    def _hand_over(self, data: bytes, head: RequestHead) -> None:
        connections = self._connections
        connections.deadlines.discard(self)
        connections.open.discard(self)
        rest, self._pending, self._at = self._pending[self._at :], b"", 0
        one = OneRequest(connections, self, head)
        one.connection_made(self.transport)
        if self._proxied is not None and self._proxied.client is not None:
            one.client = self._proxied.client
        self.transport.set_protocol(one)
        one.begin(data, rest)
        if self.ended and not one.complete:
            self.transport.close()

    def take_back(self, rest: bytes, *, paused: bool) -> None:
        """Goes on with a connection whose request was answered by uvicorn's protocol.

        Args:
            rest: What arrived after that request.
            paused: Whether the other side is slower than that response was written.
        """
        connections = self._connections
        connections.open.add(self)
        self.transport.set_protocol(self)
        connections.deadlines.add(self, KEEP_ALIVE_S)
        self._pending, self._at, self._paused, self._idle = rest, 0, paused, True
        self._read_on()

    # Ending.

    def shutdown(self) -> None:
        """Ends the connection after the response that is going out."""
        self._closing, self._pending = True, b""
        if self._request is None:
            self._close(TLS_CLOSE_S)
            if not self.transport.get_write_buffer_size():
                self.linger(TLS_CLOSE_S)

    def abort(self) -> None:
        """Breaks the connection off, and the response that is going out."""
        if self._sending is not None:
            self._sending.break_off()
        else:
            self.transport.abort()

    def too_slow(self) -> None:
        """Gives up a connection whose head, or whose end, has not arrived in time."""
        if self._closing and self.secure:
            self.transport.abort()
            return
        self._give_up(TIMEOUT if self._at < len(self._pending) else b"")

    def _give_up(self, response: bytes) -> bool:
        """Responds to what cannot be read, and ends the connection."""
        self._closing, self._pending = True, b""
        self._connections.deadlines.discard(self)
        if not self.transport.is_closing():
            if response:
                self.transport.write(response)
            self._close(TLS_CLOSE_S)
        return False

    def _close(self, wait_s: float) -> None:
        """Closes the connection."""
        if not self.transport.is_closing():
            self.transport.close()
            self.linger(wait_s)

    def linger(self, wait_s: float) -> None:
        """Waits for the other side of a connection that was closed, which only TLS needs.

        Args:
            wait_s: How long.
        """
        if self.secure:
            self._closing = True
            self._connections.deadlines.discard(self)
            self._connections.deadlines.add(self, wait_s)
