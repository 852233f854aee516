"""A receiver of webhooks on 127.0.0.1, which answers as a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE_S = 20.0


class Delivery(NamedTuple):
    """A request that was received."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver(ThreadingHTTPServer):
    """Keeps what it receives.

    Attributes:
        deliveries: What it received, the oldest first.
        answers: What it answers, one after the other, and then 204: a status, a status with more
            headers, or something that writes to the connection itself.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.deliveries: list[Delivery] = []
        self.answers: deque[Any] = deque()
        self.always: Any = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for(self, count: int) -> list[Delivery]:
        """Waits until so many deliveries were received, and returns all."""
        until(lambda: len(self.deliveries) >= count)
        return list(self.deliveries)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.deliveries.append(Delivery(self.path, headers, body))
        answer = self.server.answers.popleft() if self.server.answers else self.server.always
        if callable(answer):
            answer(self)
            self.close_connection = True
            return
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def raw(*parts: bytes, pause_s: float = 0.0) -> Callable[[BaseHTTPRequestHandler], None]:
    """Returns an answer that is not what a server would send."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        # The sender may have heard enough.
        with suppress(OSError):
            for part in parts:
                handler.wfile.write(part)
                handler.wfile.flush()
                time.sleep(pause_s)

    return answer


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Answers nothing until the sender gives up."""
    handler.connection.settimeout(PATIENCE_S)
    with suppress(OSError):
        handler.connection.recv(1, socket.MSG_PEEK)


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Runs a receiver."""
    receiver = Receiver(port)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Waits until something is so."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.01)
