"""A small update server that does all that a device needs, and one thing wrong."""

from __future__ import annotations

import hashlib
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.support.images import esp32_image, esp8266_image

IMAGES = {"esp8266": esp8266_image(20_000), "esp32": esp32_image("esp32", 20_000)}
NAME = "lamp/lamp-1.0.0_attic.bin"


def entry(name: str) -> dict[str, object]:
    """Returns an entry of a list, as a device needs it."""
    return {"name": name, "type": "bin", "date": "2026-01-01", "time": "12:00:00", "size": 20_000}


@dataclass(slots=True)
class Request:
    """What was asked."""

    target: bytes
    head: bytes
    client: tuple[str, int] = ("", 0)

    @property
    def image(self) -> bytes:
        """What is right for the device."""
        return IMAGES["esp32" if b"ESP32" in self.head else "esp8266"]

    @property
    def lists(self) -> bool:
        """Whether it asks for the list."""
        return self.target.startswith(b"/_catalog")

    @property
    def fetches(self) -> bool:
        """Whether it asks for the image."""
        return self.target.lstrip(b"/") == NAME.encode()


@dataclass(slots=True)
class Answer:
    """What will be said; a fault changes it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    more: bytes = b""
    said: bytes | None = None
    pause_s: float = 0.0


Fault = Callable[[Request, Answer], None]


def right(request: Request) -> Answer:
    """Returns the right answer."""
    answer = Answer(headers={"Date": formatdate(time.time(), usegmt=True)})
    if request.lists:
        answer.body = json.dumps([entry(NAME)]).encode()
    elif request.fetches:
        digest = hashlib.md5(request.image).hexdigest()
        if digest.encode() in request.head:
            answer.status = 304
        else:
            answer.body = request.image
            answer.headers["x-MD5"] = digest
    elif request.target == b"/api/v1/client":
        # Like ``ReadRoutes.client`` in acpublish/server/api/read.py.
        address, port = request.client
        answer.body = json.dumps({"address": address, "port": port, "proxy": False}).encode()
    else:
        answer.status = 404
    if answer.status != 304:
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


@contextmanager
def faulty(fault: Fault, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Runs a server with one fault, over TLS if there is a context for it; yields its address."""

    ended = threading.Event()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Says nothing: clients may refuse the certificate."""

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            # The server closes only the socket without TLS.
            self.request.close()

        def handle(self) -> None:
            if self.rfile.peek(1)[:1] == b"\x16":
                # The beginning of TLS is a bad request, as for real servers.
                self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            target = head.split(b"\r\n")[0].removeprefix(b"GET ").rpartition(b" ")[0]
            request = Request(target, head, self.client_address)
            answer = right(request)
            fault(request, answer)
            lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            status = f"HTTP/1.1 {answer.status} Said\r\n{lines}".encode()
            self.wfile.write(answer.said or status + answer.more + b"\r\n" + answer.body)
            ended.wait(answer.pause_s)

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()
