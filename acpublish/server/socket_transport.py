"""The connection of a socket: how bytes go in and out, without a buffer or a timer of its own.

Most connections carry one small question and a small answer, so what the loops' own transports do
to set up and to watch each connection costs more than all the rest. This one reads when it starts,
since the question has nearly always arrived by then, and tells the loop about the socket only when
something has to be waited for. Nothing that is written is copied.

It is a transport as :class:`asyncio.Transport` describes it, and the same on every loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, cast

from acpublish.server.bounds import HIGH_BYTES, READ_BYTES

_log = logging.getLogger("acpublish.server")

#: Tells Linux that more follows: a short answer and the end of its connection are one packet then.
_MORE = getattr(socket, "MSG_MORE", 0)
#: How many parts are passed to the system at once; Linux takes 1,024.
_MAX_PARTS = 64

Part = bytes | bytearray | memoryview


#: Has a connection that has ended. With its own protocol, which knows it too, it would be left to
#: the garbage collector.
_NOBODY = asyncio.Protocol()


class SocketTransport(asyncio.Transport):
    """The transport of one connected socket.

    Attributes:
        read_bytes: How much is read at once. A protocol that must not read too much sets it.
        written_bytes: How many bytes were written to it.
    """

    __slots__ = (
        *("_calling", "_closing", "_error", "_full", "_gone", "_held", "_high", "_loop", "_low"),
        "_peer",
        *("_protocol", "_reading", "_size", "_socket", "_unsent", "_watched", "read_bytes"),
        "written_bytes",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connected: socket.SocketType, peer: Any
    ) -> None:
        """Takes a socket.

        Args:
            loop: The event loop.
            connected: The socket; it does not block.
            peer: Who is at its other end.
        """
        self._loop = loop
        self._socket = connected
        self._peer = peer
        self._protocol: asyncio.Protocol
        #: What was written while the protocol is being called: the end of the connection, if it
        #: follows, goes out in the same packet.
        self._held: Part = b""
        self._unsent: deque[Part] = deque()
        #: How many bytes are in there.
        self._size = 0
        self._high, self._low = HIGH_BYTES, HIGH_BYTES // 4
        #: Whether the protocol was asked to pause.
        self._full = False
        #: Whether the protocol wants to read, and whether the loop watches the socket for that.
        self._reading = True
        self._watched = False
        #: Whether the protocol has been called and has not returned.
        self._calling = False
        #: Whether nothing more is accepted, and whether the protocol no longer has the socket.
        self._closing = self._gone = False
        self._error: OSError | None = None
        self.read_bytes = READ_BYTES
        self.written_bytes = 0

    # Beginning and end.

    def start(self, protocol: asyncio.Protocol) -> None:
        """Gives the connection to a protocol, and reads what has arrived already."""
        self._protocol = protocol
        self._calling = True
        try:
            protocol.connection_made(self)
        except Exception:
            self._failed()
        if self._closing:
            # A socket that is closed with something left to read loses what was written.
            with contextlib.suppress(OSError):
                self._socket.recv(self.read_bytes)
            self._called()
        elif self._reading:
            self._on_readable()
        else:
            self._called()

    def detach(self) -> socket.socket:
        """Returns the socket, which is the caller's from now on; the protocol is not told."""
        self._stop_watching()
        self._closing = self._gone = True
        connected = socket.socket(fileno=self._socket.detach())
        connected.setblocking(False)
        return connected

    def close(self) -> None:
        """Closes the connection once everything that was written has been sent."""
        if self._closing:
            return
        self._closing = True
        self.pause_reading()
        if not self._size and not self._calling:
            self._loop.call_soon(self._end)

    def abort(self) -> None:
        """Closes the connection, whatever has not been sent."""
        self._break(None)

    def is_closing(self) -> bool:
        """Returns whether the connection is closed, or is going to be."""
        return self._closing

    def _break(self, error: OSError | None) -> None:
        if self._gone:
            return
        ending = self._closing and not self._size
        if error is None and (self._size or self._held):
            error = OSError(errno.ECONNABORTED, "broken off before everything was sent")
        self._closing, self._error = True, self._error or error
        self._stop_watching()
        self._unsent.clear()
        self._size, self._held = 0, b""
        if not ending and not self._calling:
            self._loop.call_soon(self._end)

    def _called(self) -> None:
        """Does what the protocol, which has returned, wants: to read on, or to end."""
        self._calling = False
        if self._held:
            self._release()
        if self._closing:
            if not self._size:
                self._end()
        elif self._reading and not self._watched:
            self._watch()

    def _end(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._stop_watching()
        protocol, self._protocol = self._protocol, _NOBODY
        try:
            protocol.connection_lost(self._error)
        finally:
            self._socket.close()

    def _failed(self) -> None:
        """Breaks off a connection whose protocol has raised an error."""
        _log.exception("a connection failed")
        self._break(None)

    # Reading.

    def pause_reading(self) -> None:
        """Leaves what arrives to the system."""
        self._reading = False
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._socket.fileno())

    def resume_reading(self) -> None:
        """Reads on."""
        if self._closing:
            return
        self._reading = True
        if not self._watched and not self._calling:
            self._watch()

    def is_reading(self) -> bool:
        """Returns whether what arrives is read."""
        return self._reading

    def _watch(self) -> None:
        self._watched = True
        self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def _stop_watching(self) -> None:
        self.pause_reading()
        if self._size:
            self._loop.remove_writer(self._socket.fileno())

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(self.read_bytes)
        except BlockingIOError:
            self._called()
            return
        except OSError as error:
            self._calling = False
            self._break(error)
            return
        self._calling = True
        try:
            if data:
                self._protocol.data_received(data)
            elif self._protocol.eof_received():
                self.pause_reading()
            else:
                self.close()
        except Exception:
            self._failed()
        self._called()

    # Writing.

    def write(self, data: Part) -> None:
        """Sends bytes, or keeps them until the system takes them."""
        if self._closing or not data:
            return
        self.written_bytes += len(data)
        if self._held:
            self._release()
        elif self._calling and not self._size:
            self._held = data
            return
        self._send(data)

    def _release(self) -> None:
        """Sends what was held back."""
        data, self._held = self._held, b""
        self._send(data, _MORE if self._closing else 0)

    def _send(self, data: Part, flags: int = 0) -> None:
        if not self._size:
            try:
                sent = self._socket.send(data, flags)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self._keep(data)

    def writelines(self, list_of_data: Iterable[Part]) -> None:
        """Sends several parts at once."""
        parts = [part for part in list_of_data if part]
        if self._closing or not parts:
            return
        self.written_bytes += sum(map(len, parts))
        if self._held:
            self._release()
        sent = 0
        if not self._size:
            try:
                sent = self._send_parts(parts[:_MAX_PARTS])
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._break(error)
                return
        for part in parts:
            if sent >= len(part):
                sent -= len(part)
                continue
            self._keep(memoryview(part)[sent:] if sent else part)
            sent = 0

    def _keep(self, data: Part) -> None:
        if not self._size:
            self._loop.add_writer(self._socket.fileno(), self._on_writable)
        self._unsent.append(data)
        self._size += len(data)
        self._ask_to_pause()

    def _ask_to_pause(self) -> None:
        if self._size > self._high and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def _on_writable(self) -> None:
        unsent = self._unsent
        try:
            if len(unsent) == 1:
                sent = self._socket.send(unsent[0])
            else:
                sent = self._send_parts(list(islice(unsent, _MAX_PARTS)))
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        self._size -= sent
        if not self._size:
            unsent.clear()
            self._loop.remove_writer(self._socket.fileno())
        while unsent and sent:
            part = unsent.popleft()
            if len(part) > sent:
                unsent.appendleft(memoryview(part)[sent:])
            sent -= min(sent, len(part))
        self._calling = True
        if self._full and self._size <= self._low:
            self._full = False
            try:
                self._protocol.resume_writing()
            except Exception:
                self._failed()
        self._called()

    def _send_parts(self, parts: list[Part]) -> int:
        # Windows has no sendmsg.
        send = getattr(self._socket, "sendmsg", None)
        sent: int = self._socket.send(parts[0]) if send is None else send(parts)
        return sent

    def get_write_buffer_size(self) -> int:
        """Returns how many bytes wait to be sent."""
        return self._size + len(self._held)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets how much may wait.

        Args:
            high: With more than that, the protocol is asked to pause.
            low: With as much or less, it may go on; by default a quarter of ``high``.
        """
        self._high = HIGH_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low
        self._ask_to_pause()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Returns the lower and the upper limit."""
        return self._low, self._high

    def can_write_eof(self) -> bool:
        """Returns that no half of a connection can be closed alone."""
        return False

    # Facts.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Returns ``peername``, ``sockname``, ``socket`` or ``written_bytes``."""
        if name == "peername":
            return self._peer
        if name == "socket":
            return self._socket
        if name == "written_bytes":
            return self.written_bytes
        if name == "sockname":
            try:
                return self._socket.getsockname()
            except OSError:
                return default
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Gives the connection to another protocol."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.Protocol:
        """Returns the protocol that has the connection."""
        return self._protocol
