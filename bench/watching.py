"""Browsers that hold a page open, in their own process: ``python -m bench.watching``.

Each has a stream of the page's events, which it reads as it arrives. The cookie of their session is
the first line of stdin. A line of JSON says when all of them have got something, and another one
what they have got by the time when stdin ends. Started by watched_checks.py.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from collections import Counter

_PATIENCE_S = 20.0
_PART_BYTES = 1 << 18
_EVENT = b"event: "


class _Browser:
    """A browser, and how many events of each kind it has got."""

    def __init__(self, port: int, topic: str, cookie: str) -> None:
        self.events: Counter[str] = Counter()
        self.bytes = 0
        self._rest = b""
        self.connection = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        head = (
            f"GET /_/live?topic={topic} HTTP/1.1",
            "Host: 127.0.0.1",
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
        selector.register(sys.stdin, selectors.EVENT_READ)
        for browser in browsers:
            selector.register(browser.connection, selectors.EVENT_READ, browser)
        are_served = False
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    _say(browsers)
                    return
                key.data.read()
            if not are_served and all(browser.events for browser in browsers):
                are_served = True
                _say(browsers)


def _say(browsers: list[_Browser]) -> None:
    """Prints what all have got, and what the one has got that has got least."""
    result = {
        "least": min(sum(browser.events.values()) for browser in browsers),
        "events": sum((browser.events for browser in browsers), Counter()),
        "bytes": sum(browser.bytes for browser in browsers),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _port, _count, _topic = sys.argv[1:]
    main(int(_port), int(_count), _topic)
