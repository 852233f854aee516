"""Accepts the connections of a port.

They are accepted in the same turn of the loop in which their requests are read and answered, as
far as nothing has to be waited for (:mod:`acpublish.server.socket_transport`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from acpublish.errors import reason_of
from acpublish.server.bounds import ACCEPT_AGAIN_S, ACCEPTED_IN_TURN
from acpublish.server.socket_transport import SocketTransport


class Listener:
    """Accepts connections until it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        refused: Callable[[str], None],
    ) -> None:
        """Begins to accept.

        Args:
            loop: The event loop.
            listening: The socket; it listens already, and does not block.
            protocol: Makes the protocol of each connection.
            refused: Called when no connection can be accepted, with the reason.
        """
        self._loop = loop
        self._listening = listening
        self._protocol = protocol
        self._refused = refused
        self._kinds = (int(listening.family), int(listening.type), listening.proto)
        self._again: asyncio.TimerHandle | None = None
        self._begin()

    def close(self) -> None:
        """Stops accepting, and closes the listening socket."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()

    def _begin(self) -> None:
        self._again = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_IN_TURN):
            try:
                # What accept() does, but for the objects that describe the kinds of a socket, which
                # take longer than the system takes to accept.
                number, peer = self._listening._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                # There are no more descriptors, or no more memory, until connections end.
                self._refused(f"no connection can be accepted: {reason_of(error)}")
                self._loop.remove_reader(self._listening.fileno())
                self._again = self._loop.call_later(ACCEPT_AGAIN_S, self._begin)
                return
            connected = socket.SocketType(*self._kinds, number)
            connected.setblocking(False)
            SocketTransport(self._loop, connected, peer).start(self._protocol())
