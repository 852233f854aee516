"""Recorded requests with some of their bytes changed, at random but each time the same."""

from __future__ import annotations

import random

from tests.torture.corpus import recorded

_METHODS = (b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"CONNECT", b"get", b"FOO", b"PATCH")
_PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b": ",
        b":",
        b"\xff",
        b"\xc3\xa4",
        b"%",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"HTTP/1.1\r\n"),
    *(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Host: other\r\n", b"Range: bytes=0-99\r\n"),
    *(
        b"Range: bytes=-5\r\n",
        b"If-None-Match: *\r\n",
        b"If-Range: x\r\n",
        b"5\r\nabcde\r\n0\r\n\r\n",
    ),
    *(b"/update/lamp/c3", b"/_catalog?op=list&path=/", b"/api/v1/products", b".md5", b"?channel="),
    *(b"Expect: 100-continue\r\n", b"x-ESP32-STA-MAC: 24:0A:C4:00:00:01\r\n", b"x" * 300),
    *(
        b"Accept-Encoding: gzip\r\n",
        b"Authorization: Basic OjpAOg==\r\n",
        b"/../",
        b"//",
        b"http://h",
    ),
)


class Mutations:
    """A source of changed requests."""

    def __init__(self, seed: int) -> None:
        """Starts from a seed, which determines all that comes."""
        self._random = random.Random(seed)
        self._seeds = recorded()

    def next(self) -> list[bytes]:
        """Returns what a client sends, in one to three parts."""
        chance = self._random
        data = chance.choice(self._seeds)
        if chance.random() < 0.2:
            target = data.partition(b" ")[2]
            data = chance.choice(_METHODS) + b" " + target
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
            data = self._changed(data)
        if chance.random() < 0.1:
            data += chance.choice(self._seeds)
        if chance.random() < 0.7:
            return [data]
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((1, 2))))
        parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        return [part for part in parts if part]

    def _changed(self, data: bytes) -> bytes:
        chance = self._random
        # Half of the changes are made in the request line.
        limit = data.find(b"\r\n") + 3 if chance.random() < 0.5 else len(data) + 1
        at = chance.randrange(max(limit, 1))
        kind = chance.randrange(7)
        if kind == 0:
            return data[:at] + chance.randbytes(1) + data[at + 1 :]
        if kind == 1:
            return data[:at] + chance.choice(_PIECES) + data[at:]
        if kind == 2:
            return data[:at] + data[at + chance.choice((1, 1, 2, 8, 40)) :]
        if kind == 3:
            # At the beginning of a line, where a header is one.
            line = data.find(b"\r\n", at) + 2
            return data[:line] + chance.choice(_PIECES) + data[line:]
        if kind == 4:
            size = chance.choice((1, 2, 10, 80))
            return data[: at + size] + data[at : at + size] + data[at + size :]
        if kind == 5:
            other = chance.choice(self._seeds)
            return data[:at] + other[chance.randrange(len(other)) :]
        return data[:at] + chance.randbytes(chance.randrange(5)) + data[at:]
