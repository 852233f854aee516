"""Slow downloads, in a separate process: ``python -m bench.slow_clients``, started by slow.py.

All clients connect at once. When each has its first bytes, they take a few hundred bytes each,
five times a second, and compare them with the image. When the time is over they hang up. Prints
``begun`` and, at the end, a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.devices import device_headers, request

_TICKS_PER_S = 5
_CONNECT_S = 10.0
_BEGIN_S = 15.0
#: Small, so that what a client does not read waits at the server, as with a device.
_RECEIVE_BUFFER_BYTES = 4096


@dataclass(slots=True)
class _Client:
    """One download: its connection until it ends, and what it has read."""

    connection: socket.socket
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


def main(port: int, target: str, image_path: str, count: int, rate: int, seconds: float) -> None:
    """Runs ``count`` downloads at ``rate`` bytes per second each."""
    image = Path(image_path).read_bytes()
    clients = [_Client(_connect(port, target)) for _ in range(count)]
    begin = time.monotonic()
    _begin(clients, rate // _TICKS_PER_S, image)
    begun_s = time.monotonic() - begin
    _say("begun")
    ticks = max(int(seconds * _TICKS_PER_S), 1)
    begin = time.monotonic()
    for tick in range(ticks):
        for client in clients:
            if not client.fault:
                client.take(rate // _TICKS_PER_S, image)
        time.sleep(max(begin + (tick + 1) / _TICKS_PER_S - time.monotonic(), 0))
    lasted_s = time.monotonic() - begin
    for client in clients:
        client.connection.close()
    faults = [client.fault for client in clients if client.fault]
    taken = sorted(client.taken_bytes for client in clients)
    figures = {
        "faults": len(faults),
        "first_fault": faults[0] if faults else "",
        "slowest": taken[0] / lasted_s,
        "median": taken[len(taken) // 2] / lasted_s,
        "seconds": lasted_s,
        "begun_s": begun_s,
    }
    _say(json.dumps(figures))


def _begin(clients: list[_Client], budget: int, image: bytes) -> None:
    """Reads from every client until each has its first bytes, or has failed."""
    ends = time.monotonic() + _BEGIN_S
    waiting = clients
    while waiting and time.monotonic() < ends:
        for client in waiting:
            client.take(budget, image)
        waiting = [client for client in waiting if not client.taken_bytes and not client.fault]
        time.sleep(0.01)


def _connect(port: int, target: str) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(_CONNECT_S)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    # A failure here is noticed, and counted, at the first read.
    with contextlib.suppress(OSError):
        connection.connect(("127.0.0.1", port))
        connection.sendall(request(target, device_headers()))
    connection.setblocking(False)
    return connection


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _port, _target, _image, _count, _rate, _seconds = sys.argv[1:]
    main(int(_port), _target, _image, int(_count), int(_rate), float(_seconds))
