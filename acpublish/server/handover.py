"""uvicorn's protocol for one request: bodies, other methods, and the API.

Our own protocol has read the head and knows how long the body is, so uvicorn's gets these bytes and
no others. The connection comes back when the response and the body are complete; otherwise it ends
with this request. So no later request escapes what our protocol checks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from acpublish.server.bounds import (
    HEAD_DEADLINE_S,
    MAX_CHUNKED_BYTES,
    MAX_PENDING_BYTES,
    TLS_LINGER_S,
)
from acpublish.server.connections import Connections
from acpublish.server.request_head import RequestHead
from acpublish.server.response_head import BAD_REQUEST, response_head

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent

    from acpublish.server.protocol import DeviceProtocol
    from acpublish.server.proxy_header import ProxyHeader

TARGET_KEY = "acpublish.target"
#: What breaks the connection of a request off, for a response that nobody reads.
ABORT_KEY = "acpublish.abort"
#: Responses that have no body, and therefore no length (RFC 9112, section 6.3).
_WITHOUT_BODY = (204, 304)
_UPGRADE = re.compile(rb"(?<=\r\n)upgrade:[^\r]*\r\n", re.IGNORECASE)


def without_upgrade(head: bytes) -> bytes:
    """Returns a head without Upgrade, which a server may ignore (RFC 9110, section 7.8).

    With it, uvicorn's parser takes the body for the beginning of another protocol.
    """
    return _UPGRADE.sub(b"", head)


class OneRequest(HttpToolsProtocol):
    """uvicorn's protocol for HTTP/1, until one request has been answered.

    Attributes:
        complete: Whether the request has arrived whole.
    """

    def __init__(
        self,
        connections: Connections,
        ours: DeviceProtocol,
        head: RequestHead,
        proxied: ProxyHeader | None,
    ) -> None:
        """Prepares for a request.

        Args:
            connections: What all connections share.
            ours: The protocol that gets the connection back.
            head: The head of the request.
            proxied: Whose connection it is, if a proxy says so.
        """
        super().__init__(connections.config, connections.state, {}, connections.loop)
        self._shared = connections
        self._ours = ours
        self._proxied = proxied
        self._target = head.target
        self._closes = head.closes
        self._chunked = head.body_bytes is None
        self._left = MAX_CHUNKED_BYTES if head.body_bytes is None else head.body_bytes
        self._rest = b""
        self.complete = self._responded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection over."""
        super().connection_made(transport)
        if self._proxied is not None and self._proxied.client is not None:
            self.client = self._proxied.client

    def begin(self, data: bytes, rest: bytes) -> None:
        """Feeds the head, and what arrived after it.

        Args:
            data: The bytes of the head.
            rest: What followed.
        """
        super().data_received(without_upgrade(data))
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """Feeds what belongs to the body, and keeps what arrived after it."""
        if self.complete:
            self._rest += data
            if len(self._rest) > MAX_PENDING_BYTES:
                self._rest, self.cycle.keep_alive = b"", False
            return
        # The end of the body may give the connection back, with what follows it.
        part, self._rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        if part:
            super().data_received(part)
        if self.transport.is_closing():
            return
        if not self._left and not self.complete:
            # The body is as long as it may be, and the parser sees no end of it.
            self.send_400_response("")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Lets a request that is complete be answered, and what arrived after it.

        Returns:
            Whether the connection stays open.
        """
        self._ours.ended = True
        return self.complete and not self._ours.secure

    def on_message_begin(self) -> None:
        """Adds the original target to the scope, and what ends the connection.

        Raises:
            ValueError: The request is complete. This ends the parsing of what follows a chunked
                body, which is not answered.
        """
        if self.complete:
            raise ValueError("there is another request")
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[TARGET_KEY], scope[ABORT_KEY] = self._target, self.abort

    def on_headers_complete(self) -> None:
        """Makes the response to come write its own head."""
        super().on_headers_complete()
        # The response has not begun, because its task runs only after this returns.
        self.cycle.__class__ = _Cycle
        if self._chunked or self._closes:
            # Only uvicorn's parser knows where a chunked body ends.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Notes that the body is complete."""
        self.complete = True
        super().on_message_complete()
        if self._responded:
            # What follows the body has not been looked at yet.
            self.loop.call_soon(self._give_back)

    def on_response_complete(self) -> None:
        """Gives the connection back, or waits for the rest of a body, but not for long."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._ours.linger(TLS_LINGER_S)
            return
        self._responded = True
        self.flow.resume_reading()
        if self.complete:
            # The cycle still has to return from its last send.
            self.loop.call_soon(self._give_back)
        else:
            self._shared.deadlines.add(self, HEAD_DEADLINE_S)

    def _give_back(self) -> None:
        self._shared.deadlines.discard(self)
        if self.transport.is_closing():
            return
        if not self.cycle.keep_alive:
            self.transport.close()
            self._ours.linger(TLS_LINGER_S)
            return
        self.connections.discard(self)
        self._ours.take_back(self._rest, paused=self.flow.write_paused)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait, and lets both protocols know."""
        self._shared.deadlines.discard(self)
        super().connection_lost(exc)
        self._ours.connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Responds to a request that is not HTTP, unless it is complete or being answered."""
        if self.complete or self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is None or not cycle.response_started:
            self.transport.write(BAD_REQUEST)
        self.transport.close()

    def abort(self) -> None:
        """Breaks the connection off."""
        self.transport.abort()

    def too_slow(self) -> None:
        """Gives up a connection whose body does not end although its response is out."""
        self.transport.close()


class _Cycle(RequestResponseCycle):
    """uvicorn's cycle of a request and its response, with the names of headers as we write them."""

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
        headers = [*self.default_headers, *message["headers"]]
        closes = False
        for name, value in headers:
            if name == b"content-length":
                self.expected_content_length, self.chunked_encoding = int(value), False
            elif name == b"connection" and value.lower() == b"close":
                closes, self.keep_alive = True, False
        if not self.keep_alive and not closes:
            headers.append((b"connection", b"close"))
        if (
            self.chunked_encoding is None
            and status not in _WITHOUT_BODY
            and self.scope["method"] != "HEAD"
        ):
            self.chunked_encoding = True
            headers.append((b"transfer-encoding", b"chunked"))
        head = response_head(status, headers)
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(head + b"\r\n")
