"""A deadline for the head of an answer: the timeouts of sockets begin anew with each byte.

It loads requests, so it is imported where something is sent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter

__all__ = ["HeadDeadline"]


class HeadDeadline(HTTPAdapter):
    """What requests sends with; a server that dribbles its head is as late as one that hangs."""

    def __init__(self, seconds: float) -> None:
        """Prepares to send.

        Args:
            seconds: How long the whole head may take, from the end of the request on.
        """
        self._seconds = seconds
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Makes what opens connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager, self._seconds)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Makes what opens connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _bound(manager, self._seconds)
        return manager


class _Bounded:
    """The part of a connection that reads heads, in front of urllib3's own."""

    head_s: float
    sock: Any

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        with _within(self.sock, self.head_s):
            return super().getresponse(*args, **kwargs)  # type: ignore[misc]


def _bound(manager: Any, seconds: float) -> None:
    """Puts the deadline into whatever connections a manager makes, those of proxies included."""
    bounded = {}
    for scheme, pool in manager.pool_classes_by_scheme.items():
        bases = (_Bounded, pool.ConnectionCls)
        connection = type(pool.ConnectionCls.__name__, bases, {"head_s": seconds})
        bounded[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    manager.pool_classes_by_scheme = bounded


@contextlib.contextmanager
def _within(sock: Any, seconds: float) -> Iterator[None]:
    late = threading.Event()

    def end() -> None:
        late.set()
        # Of any sort of socket, TLS included, this ends the connection below it.
        with (
            contextlib.suppress(OSError),
            socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        # http.client takes a head that was cut off for a whole one, so this comes last.
        if late.is_set():
            raise TimeoutError("the head of the answer timed out")
