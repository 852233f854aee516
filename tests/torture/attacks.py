"""The attacks: each needs no more than a connection, and the last one a token of one product.

An attack is a function of a :class:`Target` and of how long it may take; it returns further figures
to show. Its class of trouble is the number that the report shows before its name.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.images import esp32_image, esp8266_image
from tests.support.server import RunningServer
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put

PATIENCE_S = 30.0
#: How long a publish is tried again, as a client does that hears 503.
PUBLISH_S = 12.0
CONNECTIONS = 10
#: As large as a head may be, with its request line.
HEAD_BYTES = 15_000


@dataclass(slots=True)
class Size:
    """How much an attack has to work with.

    Attributes:
        seconds: How long it lasts.
        releases: How many releases the large product has.
        files: How many files the large folder has.
        devices: How many devices are forged.
        crowd: How many connections are open at the same time.
    """

    seconds: float
    releases: int
    files: int
    devices: int
    crowd: int


@dataclass(slots=True)
class Target:
    """A server under attack, and what it serves."""

    server: RunningServer
    catalog: Path
    state: Path
    size: Size
    tokens: dict[str, str] = field(default_factory=dict)


Figures = dict[str, float]
Attack = Callable[[Target], Figures]


def prepare(catalog: Path, state: Path, size: Size) -> dict[str, str]:
    """Fills a catalog: a lamp, which the honest client has, a large product and a large folder.

    Returns:
        The tokens of two products.
    """
    put(catalog, product="lamp")
    put(catalog, product="large")
    manifests = catalog / ".acpublish/releases/large"
    text = (manifests / "1.0.0.json").read_text()
    for number in range(1, size.releases):
        (manifests / f"1.0.{number}.json").write_text(text.replace("1.0.0", f"1.0.{number}"))
    (catalog / "folder").mkdir()
    image = esp8266_image(size=5120)
    for number in range(size.files):
        (catalog / f"folder/{number}.bin").write_bytes(image)
    return {product: create_token(state, product) for product in ("lamp", "plug")}


def head(target: str, *headers: str, method: str = "GET") -> bytes:
    """Returns a head of HTTP/1.1."""
    return "\r\n".join(
        (f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")
    ).encode()


def flood(
    target: Target, heads: Callable[[int], bytes], *, count: int = 1 << 60, ends: str = ""
) -> Figures:
    """Sends requests on several connections until the time is over, and reads the responses.

    Args:
        target: What to attack.
        heads: Returns the request of a number.
        count: How many requests to send at most.
        ends: Reads and counts each response up to this text; only its head without one.
    """
    until = time.monotonic() + target.size.seconds
    numbers = iter(range(count))
    lock = threading.Lock()
    sent = 0

    def attack() -> None:
        nonlocal sent
        while time.monotonic() < until:
            with contextlib.suppress(OSError), target.server.connect() as connection:
                connection.settimeout(PATIENCE_S)
                # A server may end a connection after any response.
                for _ in itertools.repeat(None):
                    with lock:
                        number = next(numbers, None)
                    if number is None or time.monotonic() >= until:
                        return
                    connection.sendall(heads(number))
                    if not _read_response(connection):
                        break
                    with lock:
                        sent += 1

    threads = [threading.Thread(target=attack, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"requests": sent}


def _read_response(connection: socket.socket) -> int:
    """Reads one response with a length; returns its size in bytes, 0 if the connection ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return 0
        data += part
    raw, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in raw.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    left = length - len(body)
    while left > 0:
        part = connection.recv(1 << 20)
        if not part:
            return 0
        left -= len(part)
    return len(raw) + length


def question_marks(target: Target) -> Figures:
    """Targets that a careless pattern of the access log takes quadratic time for."""
    request = head("/" + "?" * 8000)
    return flood(target, lambda number: request)


def forged_devices(target: Target) -> Figures:
    """Devices that do not exist, with all that a head can hold, and then the list of devices."""
    padding = "x" * (HEAD_BYTES // 3)

    def request(number: int) -> bytes:
        # Half of them ask for a board that does not exist.
        board = "d1" if number % 2 else f"{number}-{'b' * 2000}"
        return head(
            f"/update/large/{board}",
            "User-Agent: ESP8266-http-Update",
            f"x-ESP8266-STA-MAC: {number}{padding if number % 3 == 0 else ''}",
            f"x-ESP8266-version: 1.0.{number}-{padding if number % 3 == 1 else 'x' * 60}",
            f"x-ESP8266-sketch-md5: {number:032x}",
            f"x-ESP8266-sdk-version: {number}{padding}",
        )

    figures = flood(target, request, count=target.size.devices)
    begin = time.monotonic()
    with target.server.connect() as connection:
        connection.settimeout(PATIENCE_S)
        connection.sendall(head("/api/v1/products/large/devices"))
        size = _read_response(connection)
    figures["list_s"] = time.monotonic() - begin
    figures["list_kb"] = size / 1000
    body = target.server.get("/api/v1/products/lamp/devices").body
    # Devices forged for one product must not push out those of another.
    figures["honest_counted"] = float(b'"1.0.0"' in body)
    return figures


def deep_paths(target: Target) -> Figures:
    """Paths of which each part could be a directory, by four readings of each."""
    requests = [head("/" + part * 1900 + "x.md5") for part in ("%61/", "a/", "%2F%61")]
    return flood(target, lambda number: requests[number % len(requests)])


def large_documents(target: Target) -> Figures:
    """The releases of a large product, and the list of a large folder."""
    requests = [
        head("/api/v1/products/large"),
        head("/_catalog?op=list&path=/folder"),
        head("/_catalog?op=list&path=/", "User-Agent: ESP8266HTTPClient"),
        head("/api/v1/products"),
    ]
    return flood(target, lambda number: requests[number % len(requests)])


def unread_log(target: Target) -> Figures:
    """More lines than a pipe takes that nobody reads."""
    request = head("/" + "x" * 4000)
    return flood(target, lambda number: request)


def stalled_uploads(target: Target) -> Figures:
    """Uploads of one product that begin and send nothing more, while another product publishes."""
    begun = head(
        "/api/v1/releases/lamp/2.0.0/d1",
        f"Authorization: Bearer {target.tokens['lamp']}",
        "Content-Length: 1000000",
        method="PUT",
    )
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(target.server.connect())
            connection.sendall(begun + b"x")
        time.sleep(0.2)
        image = esp32_image("esp32c3", project="plug", version="1.0.0")
        request = head(
            "/api/v1/releases/plug/1.0.0/c3",
            f"Authorization: Bearer {target.tokens['plug']}",
            f"Content-Length: {len(image)}",
            "Connection: close",
            method="PUT",
        )
        begin = time.monotonic()
        while time.monotonic() < begin + PUBLISH_S:
            if b" 201 " in target.server.send(request + image)[:20]:
                return {"publish_s": time.monotonic() - begin}
            time.sleep(0.5)
    return {"publish_s": PUBLISH_S}


#: By name: the number of the trouble, and the attack.
ATTACKS: dict[str, tuple[int, Attack]] = {
    "question marks": (1, question_marks),
    "forged devices": (2, forged_devices),
    "deep paths": (3, deep_paths),
    "large documents": (3, large_documents),
    "unread log": (4, unread_log),
    "stalled uploads": (5, stalled_uploads),
}
