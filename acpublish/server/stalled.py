"""Drops the connections whose other side does not read any more.

A device whose Wi-Fi is gone, or a stranger, can leave a response half read for ever. What counts as
progress is what the other side has acknowledged: with a slow device the transport's own buffer does
not change for more than a minute although bytes arrive there, because the socket's hides it.
"""

from __future__ import annotations

import asyncio
import logging

from acpublish.server.bounds import LOOKED_AT_IN_TURN, STALLED_S
from acpublish.server.connections import Connections, OpenConnection
from acpublish.server.sockets import acknowledged_bytes

_log = logging.getLogger("acpublish.server")

#: How often each connection is looked at.
ROUND_S = 15.0


class StalledWatch:
    """Looks at all connections again and again."""

    def __init__(self, connections: Connections) -> None:
        """Prepares to watch.

        Args:
            connections: The connections.
        """
        self._connections = connections
        #: What was written and acknowledged when a connection was last seen to move, and when.
        self._marks: dict[OpenConnection, tuple[int, int | None, float]] = {}

    async def run(self) -> None:
        """Watches until it is cancelled."""
        while True:
            await asyncio.sleep(ROUND_S)
            await self.look()

    async def look(self) -> None:
        """Looks at each connection once."""
        dropped = 0
        for number, connection in enumerate(list(self._connections.open), 1):
            if connection in self._connections.open and self._is_stalled(connection):
                connection.abort()
                dropped += 1
            if number % LOOKED_AT_IN_TURN == 0:
                await asyncio.sleep(0)
        for gone in [known for known in self._marks if known not in self._connections.open]:
            del self._marks[gone]
        if dropped:
            _log.warning(
                "dropped %d connections that acknowledged nothing for %.0f s", dropped, STALLED_S
            )

    def _is_stalled(self, connection: OpenConnection) -> bool:
        transport, now = connection.transport, self._connections.loop.time()
        waiting = transport.get_write_buffer_size()
        if not waiting:
            self._marks.pop(connection, None)
            return False
        before = self._marks.get(connection)
        if before is None or before[0] != waiting:
            self._marks[connection] = waiting, None, now
            return False
        # The system is asked only while our own buffer stands still.
        arrived = acknowledged_bytes(transport.get_extra_info("socket"))
        if arrived != before[1]:
            # The first look only notes the count.
            self._marks[connection] = waiting, arrived, before[2] if before[1] is None else now
            return False
        return now - before[2] >= STALLED_S
