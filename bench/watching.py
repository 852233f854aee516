"""Browsers that hold a page open, in their own process: ``python -m bench.watching``.

Each has a stream of the page's events, which it reads as it arrives. The cookie of their session is
the first line of stdin. A line of JSON says when all of them have got the rows of check-ins, and
another one how often they have got them by the end of stdin. Started by watched_checks.py.
"""

from __future__ import annotations

import json
import math
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from operator import gt

_PATIENCE_S = 20.0
_LOOK_S = 1.0
_PART_BYTES = 1 << 18
_EVENT = b"event: "
#: The part of the overview with the last check-ins.
_ROWS = "check_ins"


class _Browser:
    """A browser, and how many events of each kind it has got."""

    def __init__(self, port: int, topic: str, cookie: str) -> None:
        self.events: Counter[str] = Counter()
        self.bytes = 0
        self._rest = b""
        self.connection = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        head = (
            f"GET /_/live?topic={topic} HTTP/1.1",
            # The names of cookies have the port.
            f"Host: 127.0.0.1:{port}",
            "Accept: text/event-stream",
            f"Cookie: {cookie}",
        )
        self.connection.sendall("\r\n".join((*head, "", "")).encode())

    def read(self) -> None:
        """Reads what has arrived."""
        part = self.connection.recv(_PART_BYTES)
        if not part:
            raise SystemExit("the server has ended a stream")
        self.bytes += len(part)
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            if line.startswith(_EVENT):
                self.events[line.removeprefix(_EVENT).decode().strip()] += 1


def main(port: int, count: int, topic: str) -> None:
    """Lets browsers watch until stdin ends.

    Args:
        port: The server's port.
        count: How many.
        topic: What they watch.
    """
    cookie = sys.stdin.readline().strip()
    browsers = [_Browser(port, topic, cookie) for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        for browser in browsers:
            selector.register(browser.connection, selectors.EVENT_READ, browser)
        _read(selector, lambda: all(map(_rows, browsers)), _PATIENCE_S)
        _say(browsers)
        before = list(map(_rows, browsers))
        ends = selector.register(sys.stdin, selectors.EVENT_READ)
        _read(selector, lambda: ends.fileobj not in selector.get_map(), math.inf)
        # On a machine that is busy, what has changed in the last moments may still be on its way.
        _read(selector, lambda: all(map(gt, map(_rows, browsers), before)), _PATIENCE_S)
        _say(browsers)


def _read(
    selector: selectors.BaseSelector, is_enough: Callable[[], bool], patience_s: float
) -> None:
    """Reads until it is enough, or for so long; at its end, stdin is taken out."""
    until = time.monotonic() + patience_s
    while not is_enough() and time.monotonic() < until:
        for key, _ in selector.select(_LOOK_S):
            if key.data is None:
                selector.unregister(key.fileobj)
            else:
                key.data.read()


def _rows(browser: _Browser) -> int:
    """Returns how often a browser has got the rows that each check-in changes."""
    return browser.events[_ROWS]


def _say(browsers: list[_Browser]) -> None:
    """Prints how often all have got the rows, and how many bytes that and everything else was."""
    result = {
        "least": min(map(_rows, browsers)),
        "bytes": sum(browser.bytes for browser in browsers),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _port, _count, _topic = sys.argv[1:]
    main(int(_port), int(_count), _topic)
