"""A deadline for the headers of a response: a socket's timeout starts again with each byte.

A separate module because it loads requests, which costs 150 ms: it is imported when something is
sent, and :mod:`acpublish.client.transport` is imported by each build.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter


class HeadDeadline(HTTPAdapter):
    """The adapter that requests sends with; a server that dribbles is as late as one that hangs."""

    def __init__(self, seconds: float) -> None:
        """Creates the adapter.

        Args:
            seconds: How long all headers may take, from the end of the request.
        """
        self._seconds = seconds
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Creates the pool of connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager, self._seconds)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Creates the pool of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _bound(manager, self._seconds)
        return manager


class _Bounded:
    """The part of a connection that reads headers, in front of urllib3's own."""

    head_s: float
    sock: Any

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        with _within(self.sock, self.head_s):
            return super().getresponse(*args, **kwargs)  # type: ignore[misc]


def _bound(manager: Any, seconds: float) -> None:
    """Gives each connection of a manager the deadline, including those through proxies."""
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
        # This ends the connection below any kind of socket, including TLS.
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
        # http.client accepts truncated headers as complete, so this comes last.
        if late.is_set():
            raise TimeoutError("the headers of the response timed out")
