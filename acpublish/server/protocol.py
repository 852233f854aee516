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
from acpublish.server.connections import Connections, address_of, server_of
from acpublish.server.device_routes import busy, is_handed_over
from acpublish.server.handover import OneRequest
from acpublish.server.incoming import Incoming
from acpublish.server.proxy_header import ProxyHeader
from acpublish.server.request_head import (
    BadRequestError,
    RequestHead,
    TooLongError,
)
from acpublish.server.response_head import BAD_REQUEST, BUSY, TIMEOUT
from acpublish.server.sending import Sending

#: A body up to this size goes out together with its head.
_SMALL_BYTES = 16 * 1024


class DeviceProtocol(asyncio.Protocol):
    """One connection.

    Attributes:
        ended: Whether the other side sends nothing more, but may still read.
        secure: Whether it has TLS.
        transport: What carries it.
    """

    __slots__ = (
        *("_address", "_closing", "_connections", "_idle", "_incoming", "_over", "_paused"),
        *("_proxied", "_reading", "_request", "_sending"),
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
        self._connections, self._proxied, self.secure = connections, proxied, secure
        self.transport: asyncio.Transport
        self._address: str | None = None
        self._incoming = Incoming()
        #: Why there are too many connections for this one.
        self._over = ""
        #: The request that is being answered.
        self._request: Request | None = None
        self._sending: Sending | None = None
        #: Whether nothing of the next head has arrived.
        self._idle = False
        #: Whether the connection ends after the response that is going out.
        self._closing = self.ended = False
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
            self._end(BUSY)
            return
        connections.deadlines.add(self, RESERVED_HEAD_S if self._over else HEAD_DEADLINE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, and lets a response that is going out know."""
        self._connections.remove(self, self._address)
        self._connections.deadlines.discard(self)
        self._stop_reading()
        if self._sending is not None:
            sending, request = self._sending, self._request
            cut = sending.on_lost(exc)
            self._sending = self._request = None
            if request is not None:
                self._connections.log.note(request, sending.answer, cut)

    def data_received(self, data: bytes) -> None:
        """Reads what arrived; nearly always that is a whole head that was read before.

        Args:
            data: Any number of bytes, cut anywhere.
        """
        if self._closing:
            return
        incoming = self._incoming
        if self._request is None and not incoming.data and not self._paused:
            known = self._connections.heads.known(data)
            if known is not None:
                self._answer(*known)
                return
        incoming.add(data)
        if self._request is None and not self._paused:
            self._read_on()
        elif len(incoming) > MAX_PENDING_BYTES:
            # Nobody sends that much before having a response.
            self._stop_reading()

    def eof_received(self) -> bool:
        """Lets what was requested be answered before the connection ends.

        Returns:
            Whether the connection stays open.
        """
        self.ended = True
        busy = self._request is not None or self._reading or len(self._incoming)
        if not busy or self.secure:
            # With TLS, asyncio closes the connection in any case.
            self._stop_reading()
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
        if not len(self._incoming):
            self._incoming.clear()
        ours = self.transport.get_protocol() is self
        if more:
            self.transport.pause_reading()
            self._connections.loop.call_soon(self._read_further)
        elif ours and self.ended and self._request is None and not self._paused:
            # What is left, if anything, is part of a request that will never be whole.
            self._end(b"")

    def _read_further(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._read_on()

    def _may_read(self) -> bool:
        ready = self._request is None and not self._paused and not self._closing
        return ready and len(self._incoming) > 0 and not self.transport.is_closing()

    def _read_head(self) -> bool:
        """Reads one head; returns whether there may be more to read."""
        try:
            read = self._incoming.next_head()
        except TooLongError as error:
            return self._refuse(error.response, str(error))
        except BadRequestError as error:
            return self._refuse(BAD_REQUEST, str(error))
        if read is None:
            if len(self._incoming):
                if self._idle:
                    self._connections.deadlines.discard(self)
                self._idle = False
                self._connections.deadlines.add(self, HEAD_DEADLINE_S)
            return False
        raw, head = read
        plain = head.method in ("GET", "HEAD") and head.body_bytes == 0
        if plain and not is_handed_over(head):
            self._answer(*self._connections.heads.remember(raw, head))
            return True
        if not head.clean:
            return self._refuse(BAD_REQUEST, "the target is not for this method")
        if not self._connections.may_hand_over():
            reason = "too many requests for the API, or with a body, at once"
            self._connections.excess.note(reason)
            return self._refuse(BUSY, reason)
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
        # asyncio does not tell when a body has left over TLS; the end of a connection waits for it.
        large = self.secure and len(body) > _SMALL_BYTES
        if head.closes or answer.closes or large or (self.ended and not len(self._incoming)):
            self._closing = True
        if answer.counted:
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
            self._request = None
            self._incoming.clear()
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
        return server_of(self.transport, self._proxied)

    # Handing over.

    def _hand_over(self, data: bytes, head: RequestHead) -> None:
        connections = self._connections
        connections.deadlines.discard(self)
        connections.open.discard(self)
        rest = self._incoming.take()
        one = OneRequest(connections, self, head, self._proxied)
        one.connection_made(self.transport)
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
        self._incoming.add(rest)
        self._paused, self._idle = paused, True
        self._read_on()

    # Ending.

    def shutdown(self) -> None:
        """Ends the connection after the response that is going out."""
        self._stop_reading()
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
        if len(self._incoming):
            self._refuse(TIMEOUT, "the request took too long")
        else:
            self._end(b"")

    def _refuse(self, response: bytes, reason: str) -> bool:
        """Responds to what cannot be read, and ends the connection; returns that."""
        self._connections.log.refused(self._address, response, reason, self._incoming.beginning(12))
        self._end(response)
        return False

    def _stop_reading(self) -> None:
        self._closing = True
        self._incoming.clear()

    def _end(self, response: bytes) -> None:
        """Ends the connection, after a last response if there is one."""
        self._stop_reading()
        self._connections.deadlines.discard(self)
        if not self.transport.is_closing():
            if response:
                self.transport.write(response)
            self._close(TLS_CLOSE_S)

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
