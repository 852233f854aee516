"""The attacks that need many connections, or that send much and read nothing."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.support.images import esp32_image
from tests.torture.attacks import Attack, Figures, Target, head

#: What a connection sends at once when it pipelines.
PIPELINED_BYTES = 2_000_000
#: Hand-copied images: all together they are much larger than the cache.
IMAGES = 40
IMAGE_BYTES = 7 << 20
READERS = 400
#: How much the kernel may take in for a client that does not read.
_RECEIVED_BYTES = 4096
_PAUSE_S = 0.05
#: So each of a crowd sends once a second at most; with more, it would be a flood.
_TURNS = 20
_PATIENCE_S = 5.0


class _Crowd:
    """Connections that never read; those that the server ends are opened again."""

    def __init__(
        self, target: Target, first: Callable[[int], bytes], *, shut: bool = False
    ) -> None:
        self._server = target.server
        self._first = first
        self._shut = shut
        self._open: list[socket.socket] = []
        self._turn = 0
        self.ended = 0

    def open(self, count: int) -> None:
        """Opens connections, and sends on each what it begins with."""
        for number in range(count):
            self._open.append(self._connect(number))

    def send(self, data: bytes) -> None:
        """Sends the same on some, in turn, and replaces those that have ended."""
        self._turn = (self._turn + 1) % _TURNS
        for number in range(self._turn, len(self._open), _TURNS):
            connection = self._open[number]
            try:
                connection.send(data)
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                self.ended += 1
                self._open[number] = self._connect(number)

    def close(self) -> None:
        """Breaks all off."""
        for connection in self._open:
            connection.close()

    def _connect(self, number: int) -> socket.socket:
        connection = socket.socket()
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
            connection.settimeout(_PATIENCE_S)
            connection.connect((self._server.host, self._server.port))
            with contextlib.suppress(OSError):
                connection.sendall(self._first(number))
                if self._shut:
                    connection.shutdown(socket.SHUT_WR)
            connection.setblocking(False)
        except OSError:
            connection.close()
            raise
        return connection


def _surround(
    target: Target,
    first: Callable[[int], bytes],
    then: bytes = b"",
    *,
    count: int = 0,
    shut: bool = False,
) -> Figures:
    """Keeps a crowd of connections until the time is over.

    Args:
        target: What to attack.
        first: Returns what the connection of a number begins with.
        then: What each sends again and again.
        count: How many there are, by default as many as the size says.
        shut: Whether each shuts its own side down.
    """
    crowd = _Crowd(target, first, shut=shut)
    until = time.monotonic() + target.size.seconds
    count = count or target.size.crowd
    try:
        crowd.open(count)
        while time.monotonic() < until:
            time.sleep(_PAUSE_S)
            if then:
                crowd.send(then)
    finally:
        crowd.close()
    return {"connections": count, "ended": crowd.ended}


def slow_heads(target: Target) -> Figures:
    """Heads of which a byte comes at a time."""
    return _surround(target, lambda number: b"GET /update/lamp/d1 HTTP/1.1\r\nX: ", b"x")


def slow_bodies(target: Target) -> Figures:
    """Bodies of which a byte comes at a time: uploads without a valid token, and others."""
    heads = [
        head("/api/v1/releases/lamp/9.0.0/d1", "Content-Length: 1000000", method="PUT"),
        head(
            "/api/v1/releases/lamp/9.0.0/d1",
            "Authorization: Bearer acp_0000000000000000",
            "Transfer-Encoding: chunked",
            method="PUT",
        ),
        head("/update/lamp/d1", "Content-Length: 1000000", method="POST"),
        head("/update/lamp/d1", "Content-Length: 1000000"),
    ]
    return _surround(target, lambda number: heads[number % len(heads)], b"1")


def never_read(target: Target) -> Figures:
    """Requests for an image of 1 MiB, of which nothing is read."""
    return _surround(target, _image(target))


def half_open(target: Target) -> Figures:
    """Connections on which nothing comes, or whose own side is shut after a request."""
    request = _image(target)
    figures = _surround(target, request, count=target.size.crowd // 2, shut=True)
    figures["silent"] = _surround(target, lambda number: b"")["connections"]
    return figures


def _image(target: Target) -> Callable[[int], bytes]:
    (target.catalog / "mib.bin").write_bytes(esp32_image(size=1 << 20))
    request = head("/mib.bin")
    return lambda number: request


def unread_images(target: Target) -> Figures:
    """Many more images than the cache takes, each requested by several who read nothing."""
    data = esp32_image(size=IMAGE_BYTES)
    for number in range(IMAGES):
        (target.catalog / f"image-{number}.bin").write_bytes(data)
    requests = [head(f"/image-{number}.bin") for number in range(IMAGES)]
    return _surround(target, lambda number: requests[number % IMAGES], count=READERS)


def pipelining(target: Target) -> Figures:
    """Pipelined requests, 2 MB of them at once; some connections read, and others do not."""
    requests = (head("/update/lamp/d1"), head("/_catalog?op=list&path=/"), head("/api/v1/products"))
    until = time.monotonic() + target.size.seconds
    lock = threading.Lock()
    sent = read = 0

    def attack(request: bytes, reads: bool) -> None:
        nonlocal sent, read
        data = memoryview(request * (PIPELINED_BYTES // len(request)))
        while time.monotonic() < until:
            with contextlib.suppress(OSError), target.server.connect() as connection:
                for number, size in _exchange(connection, data, until, reads=reads):
                    with lock:
                        sent, read = sent + number, read + size

    turns: Sequence[tuple[bytes, bool]] = list(itertools.product(requests, (True, False)))
    threads = [threading.Thread(target=attack, args=turn, daemon=True) for turn in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"sent_mb": sent / 1e6, "read_mb": read / 1e6}


def _exchange(
    connection: socket.socket, data: memoryview, until: float, *, reads: bool
) -> Iterator[tuple[int, int]]:
    """Sends as much as goes, and reads what comes; yields how many bytes each time."""
    connection.settimeout(_PAUSE_S)
    while time.monotonic() < until:
        sent = read = 0
        if data:
            with contextlib.suppress(TimeoutError):
                sent = connection.send(data)
                data = data[sent:]
        elif reads:
            connection.shutdown(socket.SHUT_WR)
        if reads:
            with contextlib.suppress(TimeoutError):
                part = connection.recv(1 << 20)
                if not part:
                    return
                read = len(part)
        elif not sent:
            time.sleep(_PAUSE_S)
        yield sent, read


#: By name: the number of the trouble, and the attack.
CROWDS: dict[str, tuple[int, Attack]] = {
    "slow heads": (6, slow_heads),
    "slow bodies": (6, slow_bodies),
    "never read": (7, never_read),
    "half open": (6, half_open),
    "pipelining": (7, pipelining),
    "unread images": (7, unread_images),
}
