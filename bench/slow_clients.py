"""Slow downloads, in a separate process: ``python -m bench.slow_clients``, started by slow.py.

The clients connect some at a time, from several addresses, as behind several routers. When all have
their first bytes, each takes a piece whenever its rate lets it, and compares it with the image; the
rates are between 5 and 50 kB/s. When the time is over, some of them read to the end, and all hang
up. Prints ``begun`` and, at the end, a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.devices import device_headers, request

_SLOWEST_BYTES_PER_S, _TIMES = 5000, 10
_PIECE_BYTES = 4096
#: Small, so that what a client does not read waits at the server, as with a device; but so large
#: that a piece is there when the fastest clients take one.
_RECEIVE_BUFFER_BYTES = 2 * _PIECE_BYTES
_TICKS_PER_S = 50
#: More ticks than the slowest clients wait between two pieces.
_SLOTS = 64
#: One address has at most half of all connections (acpublish.server.bounds).
_ADDRESSES = 8
_CONNECT_S = 10.0
_BEGIN_S = 15.0
#: How many read to the end, and how long that may take.
_FINISHING = 50
_FINISH_S = 20.0


@dataclass(slots=True)
class _Client:
    """One download: its connection until it ends, and what it has read."""

    connection: socket.socket
    bytes_per_s: float
    due_s: float = 0.0
    head: bytes = b""
    headed: bool = False
    taken_bytes: int = 0
    fault: str = ""

    def take(self, budget: int, image: bytes) -> None:
        """Reads up to ``budget`` bytes, if they have arrived."""
        try:
            part = self.connection.recv(budget)
        except BlockingIOError:
            return
        except OSError as fault:
            self.fault = fault.strerror or "broken off"
            return
        if not part:
            self.fault = "closed early"
            return
        if not self.headed:
            self.head += part
            head, found, part = self.head.partition(b"\r\n\r\n")
            if not found:
                return
            self.headed = True
            if head.split(maxsplit=2)[1:2] != [b"200"]:
                self.fault = "refused"
                return
        end = self.taken_bytes + len(part)
        if part != image[self.taken_bytes : end]:
            self.fault = "other bytes"
        self.taken_bytes = end

    def finish(self, image: bytes) -> None:
        """Reads the rest, as fast as it comes."""
        self.connection.settimeout(_FINISH_S)
        while not self.fault and self.taken_bytes < len(image):
            self.take(1 << 18, image)


def main(port: int, target: str, image_path: str, count: int, at_once: int, seconds: float) -> None:
    """Runs ``count`` downloads, of which ``at_once`` connect at the same moment."""
    image = Path(image_path).read_bytes()
    clients: list[_Client] = []
    begin = time.monotonic()
    while len(clients) < count:
        added = range(len(clients), min(len(clients) + at_once, count))
        block = [_connect(port, target, number, count) for number in added]
        _begin(block, image)
        clients += block
    begun_s = time.monotonic() - begin
    _say("begun")
    before = [client.taken_bytes for client in clients]
    lasted_s = _take_turns(clients, image, seconds)
    taken_bytes = sum(client.taken_bytes for client in clients) - sum(before)
    shares = sorted(
        (client.taken_bytes - had) / lasted_s / client.bytes_per_s
        for client, had in zip(clients, before, strict=True)
    )
    for client in clients[:: max(count // _FINISHING, 1)]:
        client.finish(image)
    for client in clients:
        client.connection.close()
    faults = [client.fault for client in clients if client.fault]
    figures = {
        "faults": len(faults),
        "first_fault": faults[0] if faults else "",
        "all_bytes_per_s": taken_bytes / lasted_s,
        "slowest_share": shares[0],
        "median_share": shares[len(shares) // 2],
        "begun_s": begun_s,
    }
    _say(json.dumps(figures))


def _take_turns(clients: Sequence[_Client], image: bytes, seconds: float) -> float:
    """Lets each client take a piece whenever its rate lets it, and returns how long it lasted."""
    slots: list[list[_Client]] = [[] for _ in range(_SLOTS)]
    for number, client in enumerate(clients):
        # The first pieces are spread over the time that a client waits for its second one.
        client.due_s = _PIECE_BYTES / client.bytes_per_s * (number * 7 % 97) / 97
        slots[int(client.due_s * _TICKS_PER_S) % _SLOTS].append(client)
    begin = time.monotonic()
    for tick in range(1, max(int(seconds * _TICKS_PER_S), 1) + 1):
        time.sleep(max(begin + tick / _TICKS_PER_S - time.monotonic(), 0))
        due, slots[(tick - 1) % _SLOTS] = slots[(tick - 1) % _SLOTS], []
        for client in due:
            if client.fault:
                continue
            client.take(_PIECE_BYTES, image)
            client.due_s += _PIECE_BYTES / client.bytes_per_s
            slots[int(client.due_s * _TICKS_PER_S) % _SLOTS].append(client)
    return time.monotonic() - begin


def _begin(clients: Sequence[_Client], image: bytes) -> None:
    """Reads from every client until each has its first bytes, or has failed."""
    ends = time.monotonic() + _BEGIN_S
    waiting = list(clients)
    while waiting and time.monotonic() < ends:
        for client in waiting:
            client.take(_PIECE_BYTES, image)
        waiting = [client for client in waiting if not client.taken_bytes and not client.fault]
        time.sleep(0.005)
    for client in waiting:
        client.fault = f"no bytes in {_BEGIN_S:g} s"


def _connect(port: int, target: str, number: int, count: int) -> _Client:
    connection = socket.socket()
    connection.settimeout(_CONNECT_S)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    # A failure here is noticed, and counted, at the first read.
    with contextlib.suppress(OSError):
        connection.bind((f"127.0.0.{1 + number % _ADDRESSES}", 0))
        connection.connect(("127.0.0.1", port))
        connection.sendall(request(target, device_headers()))
    connection.setblocking(False)
    # As many clients between 5 and 10 kB/s as between 25 and 50.
    return _Client(connection, _SLOWEST_BYTES_PER_S * _TIMES ** (number / max(count - 1, 1)))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _port, _target, _image, _count, _at_once, _seconds = sys.argv[1:]
    main(int(_port), _target, _image, int(_count), int(_at_once), float(_seconds))
