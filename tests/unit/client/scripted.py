"""A server that says exactly what a test tells it to, over real sockets."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: What to say to one request: parts with an optional pause before each, or a function of it.
Part = bytes | float
Script = list[Part]

_PATIENCE_S = 10.0


class ScriptedServer:
    """Answers its n-th connection with the n-th script; the last one is repeated."""

    def __init__(self, scripts: list[Script]) -> None:
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.requests: list[bytes] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                link, _ = self._listener.accept()
            except TimeoutError:
                continue
            with link:
                self._serve(link)

    def _serve(self, link: socket.socket) -> None:
        link.settimeout(_PATIENCE_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = min(len(self.requests), len(self._scripts) - 1)
        try:
            self.requests.append(_whole_request(link))
            for part in self._scripts[number]:
                if isinstance(part, bytes):
                    link.sendall(part)
                elif self._ended.wait(part):
                    return
        except OSError:
            # The client left in the middle, which is what some tests are about.
            return


def _whole_request(link: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        part = link.recv(65536)
        if not part:
            return request
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = link.recv(65536)
        if not part:
            break
        body += part
        request += part
    return request


@contextmanager
def scripted(*scripts: Script) -> Iterator[ScriptedServer]:
    """Runs a scripted server for as long as the block lasts."""
    with ScriptedServer(list(scripts)) as server:
        yield server


def head(status: str = "200 OK", **headers: str | int) -> bytes:
    """Returns the head of an answer; ``_`` in names stands for ``-``."""
    lines = [f"HTTP/1.0 {status}", "Server: scripted"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def image_answer(body: bytes, **headers: str | int) -> Script:
    """Returns a right answer with an image."""
    fields: dict[str, str | int] = {
        "Content_Length": len(body),
        "x_MD5": hashlib.md5(body).hexdigest(),
        **headers,
    }
    return [head(**fields), body]


def json_answer(text: str | bytes, status: str = "200 OK", **headers: str | int) -> Script:
    """Returns an answer with JSON."""
    body = text.encode() if isinstance(text, str) else text
    return [
        head(status, Content_Type="application/json", Content_Length=len(body), **headers),
        body,
    ]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Waits until something holds; tells whether it came to that."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
