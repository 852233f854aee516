"""What stands between a client and a real server, and does to an upload what networks do."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.server import PATIENCE_S, RunningServer, read_all

#: Does something with an upload: its connection, what of it was read, and the way to the server.
Way = Callable[[socket.socket, bytes, socket.socket], None]


@dataclass(slots=True)
class Proxy:
    """Treats the n-th upload in the n-th way, and passes all others, and what is no upload, on.

    With ``every`` it treats each request as an upload.
    """

    url: str
    ways: list[Way]
    every: bool = False
    uploads: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def way(self, head: bytes) -> Way:
        """Returns the way to treat a request."""
        if not (self.every or head.startswith(b"PUT ")):
            return pass_on
        self.uploads += 1
        return self.ways[self.uploads - 1] if self.uploads <= len(self.ways) else pass_on


@contextlib.contextmanager
def between(server: RunningServer, *ways: Way, every: bool = False) -> Iterator[Proxy]:
    """Runs a proxy in front of a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}", list(ways), every)
        threads: list[threading.Thread] = []

        def run() -> None:
            while not proxy.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    link, _ = listener.accept()
                    one = threading.Thread(target=_serve, args=(proxy, link, server))
                    threads.append(one)
                    one.start()

        accepting = threading.Thread(target=run)
        accepting.start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            for thread in (accepting, *threads):
                thread.join(PATIENCE_S)


def _serve(proxy: Proxy, link: socket.socket, server: RunningServer) -> None:
    # A client that was killed, or a way that cuts a connection, ends with an error of the socket.
    with link, server.connect() as upstream, contextlib.suppress(OSError):
        link.settimeout(PATIENCE_S)
        head = b""
        while b"\r\n\r\n" not in head:
            part = link.recv(1)
            if not part:
                return
            head += part
        # One exchange a connection, so that its end is the end of the answer.
        head = re.sub(rb"\r\nConnection: [\w-]+", b"\r\nConnection: close", head)
        proxy.way(head)(link, head, upstream)


def pass_on(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
    """Passes a request and its answer on."""
    changed(lambda answer: answer)(link, head, upstream)


def changed(change: Callable[[bytes], bytes]) -> Way:
    """Passes a request on, and its answer with a change."""

    def way(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
        upstream.sendall(head)
        _pass_body(link, head, upstream)
        link.sendall(change(read_all(upstream)))

    return way


def answering(status: str, *headers: str) -> Way:
    """Takes a whole request, and answers it without the server."""

    def way(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
        for _ in _body(link, head):
            pass
        lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *headers]
        link.sendall("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

    return way


def echoing(status: str, body: str, *headers: str) -> Way:
    """Takes a whole request, and tells in its answer what it was told, as pages for debugging do.

    In ``body`` and ``headers`` ``@head@`` stands for the head of the request, ``@secret@`` for what
    its header Authorization holds, without the scheme.
    """

    def way(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
        for _ in _body(link, head):
            pass
        found = re.search(rb"\r\nauthorization: \w+ (\S+)", head, re.IGNORECASE)
        secret = found[1].decode() if found else "nothing"
        told = "".join(f"{line}\r\n" for line in headers).replace("@secret@", secret)
        text = body.replace("@secret@", secret).replace("@head@", head.decode("latin-1"))
        # As JSON has them; in a page of HTML they do no harm.
        content = text.replace("\r\n", "\\n").encode()
        lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
        link.sendall((lines + told + "\r\n").encode() + content)

    return way


def cut_after(size: int, then: Callable[[], object] = lambda: None) -> Way:
    """Passes so many bytes of the body on, calls a function, and cuts both connections."""

    def way(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
        upstream.sendall(head)
        passed = 0
        for part in _body(link, head):
            upstream.sendall(part[: size - passed])
            passed += len(part)
            if passed >= size:
                break
        then()

    return way


def _pass_body(link: socket.socket, head: bytes, upstream: socket.socket) -> None:
    for part in _body(link, head):
        upstream.sendall(part)


def _body(link: socket.socket, head: bytes) -> Iterator[bytes]:
    found = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    left = int(found[1]) if found else 0
    while left:
        part = link.recv(min(left, 16384))
        if not part:
            raise ConnectionError("the client has gone")
        left -= len(part)
        yield part
