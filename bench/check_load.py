"""Check-ins at a constant rate, in a separate process: ``python -m bench.check_load``.

Each device checks in on a connection of its own, when it is due: whether the one before it has been
answered does not matter, and a response is late from that moment on. Started by fleet.py, which
says which devices; prints a line of JSON. It has no event loop of Python, which would need more of
the machine than the server does.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.devices import from_own_address

_PATIENCE_S = 20.0
#: Whoever is due meanwhile waits, and is late.
_MOST_OPEN = 500
_RESPONSE_BYTES = 4096
_STATUS = slice(9, 12)


class _Load:
    """Connections that are open, and how those have ended that were."""

    def __init__(self, port: int) -> None:
        self.took_ms = array("f")
        self.statuses: Counter[str] = Counter()
        self._address = "127.0.0.1", port
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def begin(self, request: bytes, due_s: float) -> None:
        """Lets a device check in that is due."""
        connection = socket.socket()
        try:
            from_own_address(connection, request)
            # On loopback, the queue of the listening socket takes it at once.
            connection.connect(self._address)
            connection.sendall(request)
            connection.setblocking(False)
        except OSError as error:
            connection.close()
            self._note(error.strerror or "no connection", due_s)
            return
        self._open[connection.fileno()] = connection, due_s
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def take_in(self, wait_s: float) -> None:
        """Takes in what has arrived, or waits for something."""
        for number, _ in self._epoll.poll(max(wait_s, 0)):
            connection, due_s = self._open.pop(number)
            try:
                status = connection.recv(_RESPONSE_BYTES)[_STATUS].decode("ascii", "replace")
            except OSError as error:
                status = error.strerror or ""
            # Closing takes it out of epoll as well.
            connection.close()
            self._note(status or "no response", due_s)

    def _note(self, status: str, due_s: float) -> None:
        self.took_ms.append((time.perf_counter() - due_s) * 1000)
        self.statuses[status] += 1


def _send(load: _Load, requests: Sequence[bytes], per_s: float, lasts_s: float) -> float:
    """Sends check-ins when they are due, and returns how long that took, in seconds."""
    following = itertools.cycle(requests)
    count, sent, begin = int(per_s * lasts_s), 0, time.perf_counter()
    while sent < count:
        due = min(count, int((time.perf_counter() - begin) * per_s) + 1)
        while sent < due and load.open < _MOST_OPEN:
            load.begin(next(following), begin + sent / per_s)
            sent += 1
        full = load.open >= _MOST_OPEN
        load.take_in(0.1 if full else begin + sent / per_s - time.perf_counter())
    took_s = time.perf_counter() - begin
    end = time.monotonic() + _PATIENCE_S
    while load.open and time.monotonic() < end:
        load.take_in(0.1)
    return took_s


def main(port: int, requests_path: str, per_s: float, lasts_s: float) -> None:
    """Sends check-ins at a constant rate.

    Args:
        port: The server's port.
        requests_path: The file of the requests, which are sent in turn.
        per_s: How many in a second.
        lasts_s: For how many seconds.
    """
    end = b"\r\n\r\n"
    requests = [part + end for part in Path(requests_path).read_bytes().split(end) if part]
    load = _Load(port)
    took_s = _send(load, requests, per_s, lasts_s)
    result = {
        "sent": int(per_s * lasts_s),
        "took_s": took_s,
        "took_ms": [round(value, 3) for value in load.took_ms],
        "statuses": load.statuses,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    _port, _requests, _per_s, _lasts_s = sys.argv[1:]
    main(int(_port), _requests, float(_per_s), float(_lasts_s))
